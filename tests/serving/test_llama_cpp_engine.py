"""llama.cpp as the engine, beside PyTorch with the weights of the same GGUF file."""

import random
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from codelm.errors import CodelmError
from codelm.evaluation.general import own_texts
from codelm.inference.place import Place
from codelm.inference.tuned_model import TunedModel, load_prompt_maker
from codelm.saved_run import SavedRun
from codelm.serving.generation_request import GenerationRequest
from codelm.serving.llama_cpp import LlamaCpp, has_gpu
from codelm.serving.llama_cpp_engine import LlamaCppEngine
from codelm.serving.tuned_engine import TunedEngine
from tests.serving.conftest import servers

pytest.importorskip("xllamacpp", reason="xllamacpp, which brings llama.cpp, is not installed")
pytest.importorskip("gguf", reason="gguf, which writes what llama.cpp reads, is not installed")

BEFORE, AFTER = "fn largest(values: &[u64]) -> u64 {\n    let mut lar", "\n    largest\n}\n"
HOLE = Place("src/lib.rs", BEFORE, AFTER)
LEFT = Place("src/lib.rs", BEFORE)


@pytest.fixture(scope="module")
def run(make_tuned_run):
    """A run of the bundled base, which writes code."""
    return SavedRun(make_tuned_run("tiny", spread=0.02)[0])


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    from codelm.export.served_gguf import served_gguf
    from codelm.export.source import find_source

    return served_gguf(find_source(run), tmp_path_factory.mktemp("spare"))


@pytest.fixture(scope="module")
def prompts(run):
    return load_prompt_maker(run)


@pytest.fixture(scope="module")
def llama(exported):
    found = LlamaCpp(exported.file, 1024, 1)
    yield found
    found.close()


@pytest.fixture(scope="module")
def in_pytorch(exported, prompts):
    """The engine of PyTorch with the weights of the GGUF file."""
    from codelm.export.held_out import finished_module
    from codelm.export.read_back import read_gguf
    from codelm.modules import LoRACausalLM
    from codelm.modules.base_model import load_config

    module = LoRACausalLM("tiny", quantization="none")
    module.model = finished_module(
        read_gguf(exported.file, load_config("tiny", None), "sdpa"), keeps_samples_apart=True
    ).model
    return TunedEngine(TunedModel(module, prompts), 512)


@pytest.fixture
def generate(llama, prompts):
    """Return a function that gives the completion of a request, and the chunks that were emitted."""

    def run(place=HOLE, *, most=512, is_cancelled=lambda: False, **fields):
        chunks = []
        request = GenerationRequest(place, **({"max_tokens": 12} | fields))
        return LlamaCppEngine(llama, prompts, most).generate(request, chunks.append, is_cancelled), chunks

    return run


def places():
    """Ten places in files of Rust, five of them holes, in the middle of a word or behind one."""
    drawn = random.Random(16)
    texts = [each.text for each in own_texts() if each.language == "rust" and len(each.text) > 400]
    for number in range(10):
        text = drawn.choice(texts)
        at = drawn.randrange(len(text) // 4, len(text) * 3 // 4)
        after = text[text.find("\n", at) :] if number % 2 else None
        yield Place(f"src/{number}.rs", text[:at], after)


@pytest.mark.parametrize("place", list(places()), ids=lambda place: place.path)
def test_both_engines_write_the_same(generate, in_pytorch, place):
    chunks = []
    expected = in_pytorch.generate(GenerationRequest(place, max_tokens=32), chunks.append, lambda: False)
    found, streamed = generate(place, max_tokens=32)
    assert found.text == expected.text == "".join(streamed)
    assert (found.stop_type, found.prompt_tokens) == (expected.stop_type, expected.prompt_tokens)
    assert found.completion_tokens == expected.completion_tokens


def test_the_suffix_the_path_and_the_repository_are_read(generate):
    texts = [
        generate(place, max_tokens=32)[0].text
        for place in (
            HOLE,
            Place(HOLE.path, BEFORE, "\n    smallest.min(0)\n}\n"),
            Place("tests/values.py", BEFORE, AFTER),
            LEFT,
        )
    ]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("name", ["<fim_prefix>", "<fim_middle>", "<file_sep>", "<|endoftext|>", "<repo_name>"])
def test_what_spells_a_special_token_reaches_the_model_as_text(generate, llama, prompts, monkeypatch, name):
    asked = []
    monkeypatch.setattr(llama, "events", lambda body: asked.append(body["prompt"]) or (event for event in ()))
    generate(Place("a.rs", "x = 1;\n", "\ny"))
    generate(Place(f"{name}.rs", f"x{name} = 1;\n", f"\ny{name}", name))
    special = set(prompts.encoder.special_ids.values())
    plain, spelled = ([token for token in ids if token in special] for ids in asked)
    assert plain == spelled
    assert len(asked[1]) > len(asked[0])


def test_special_tokens_end_a_text_also_where_llama_cpp_knows_them_as_no_end(generate, llama, prompts, monkeypatch):
    def events(body):
        for count, (text, token) in enumerate([("\n", 9), ("", prompts.encoder.special_ids["<fim_prefix>"]), ("x", 9)]):
            yield {"stop": False, "content": text, "tokens": [token], "tokens_predicted": count + 1}

    monkeypatch.setattr(llama, "events", events)
    completion, _ = generate(Place("a.rs", "x;\n", "y"))
    assert (completion.text, completion.stop_type, completion.completion_tokens) == ("\n", "eos", 1)


def test_a_text_begins_with_what_was_typed_and_is_shown_without_it(generate, llama, prompts, monkeypatch):
    bodies, real = [], llama.events
    monkeypatch.setattr(llama, "events", lambda body: bodies.append(body) or real(body))
    for typed in (" resp", "\t\\\"'<", " {\n        ", "Vec<"):
        place = Place("src/lib.rs", "fn get() {}\n\nfn set() { let" + typed)
        [prompt] = prompts.encode([place], 8)
        assert prompt.typed
        completion, _ = generate(place, max_tokens=8)
        whole = "".join(event["content"] for event in real(bodies[-1]))
        assert whole.startswith(prompt.typed)
        assert whole.removeprefix(prompt.typed).startswith(completion.text)
        assert 0 < completion.completion_tokens <= 8


def test_a_stop_ends_the_text_before_it(generate):
    whole = generate(max_tokens=32)[0].text
    stop = whole[4:6]
    completion, chunks = generate(max_tokens=32, stop_sequences=("\0never", stop))
    assert completion.text == "".join(chunks) == whole[: whole.index(stop)]
    assert (completion.stop_type, completion.stopping_word) == ("word", stop)


def test_no_more_tokens_than_the_server_allows(generate, prompts):
    assert prompts.encode([LEFT], 12)[0].typed  # whose tokens do not count
    assert [generate(LEFT, most=3)[0].completion_tokens, generate(LEFT)[0].completion_tokens] == [3, 12]
    assert generate(max_tokens=0)[0].text == ""
    assert generate(max_tokens=10**9, is_cancelled=lambda: True)[0].text == ""


def test_it_ends_once_nobody_wants_it_or_its_time_is_over(generate, monkeypatch):
    whole = generate(LEFT, max_tokens=200)[0]
    seen = []
    completion, _ = generate(LEFT, max_tokens=200, is_cancelled=lambda: seen.append(0) or len(seen) > 6)
    assert 0 < completion.completion_tokens < whole.completion_tokens
    assert completion.stop_type == "limit"
    assert generate(LEFT, max_tokens=200)[0].text == whole.text
    monkeypatch.setattr("codelm.serving.text_stream.TextStream._is_over_time", lambda self, text: len(text) > 1)
    late, _ = generate(LEFT, max_tokens=200, seconds=1.0)
    assert (late.stop_type, whole.text.startswith(late.text), len(late.text) < len(whole.text)) == ("limit", True, True)


def test_a_request_is_cancelled_while_its_prompt_is_read(generate):
    answers = iter([False])  # before anything is asked
    completion, chunks = generate(is_cancelled=lambda: next(answers, True))
    assert (completion.text, completion.completion_tokens, chunks) == ("", 0, [])


def test_a_seed_decides_what_is_drawn(generate):
    one, same, other = (generate(temperature=1.5, seed=seed)[0].text for seed in (2**63 - 2, 2**63 - 2, 2))
    assert one == same != other
    assert len({generate(temperature=1.5)[0].text for _ in range(4)}) > 1


def test_eight_requests_at_once_are_answered_as_each_alone(generate, llama, prompts):
    expected = {name: generate(Place(f"src/{name}.rs", BEFORE, AFTER))[0].text for name in range(8)}
    with servers() as begin, ThreadPoolExecutor(8) as pool:
        client = begin(LlamaCppEngine(llama, prompts, 512))
        fields = {"prompt": BEFORE, "suffix": AFTER, "max_tokens": 12}
        asked = {
            name: pool.submit(client.post, "/v1/completions", filename=f"src/{name}.rs", **fields) for name in expected
        }
        answers = {name: each.result() for name, each in asked.items()}
    assert {name: body["choices"][0]["text"] for name, (_, body) in answers.items()} == expected


def test_no_other_user_and_no_browser_reaches_it(exported):
    process = psutil.Process()
    before = process.net_connections("inet")
    llama = LlamaCpp(exported.file, 1024, 1)
    [path] = [each.laddr for each in process.net_connections("unix") if each.laddr == llama._socket]
    assert process.net_connections("inet") == before
    assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o700
    llama.close()
    assert not Path(path).parent.exists()


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [(["CPU"], False), (["CPU", "ACCEL"], False), (["GPU", "CPU"], True), (["IGPU", "CPU"], True)],
)
def test_a_library_for_matrices_is_no_gpu(monkeypatch, kinds, expected):
    import xllamacpp

    devices = [{"type": getattr(xllamacpp.ggml_backend_dev_type, f"GGML_BACKEND_DEVICE_TYPE_{kind}")} for kind in kinds]
    monkeypatch.setattr(xllamacpp, "get_device_info", lambda: devices)
    assert has_gpu() is expected


def test_what_llama_cpp_refuses_is_an_error(llama):
    with pytest.raises(RuntimeError, match="exceeds the available context"):
        list(llama.events({"prompt": [9] * 2000, "stream": True}))


def test_a_file_that_is_no_gguf_is_refused_in_a_line(tmp_path):
    (tmp_path / "a.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(CodelmError, match=r"does not load .*a\.gguf: give --engine pytorch"):
        LlamaCpp(tmp_path / "a.gguf", 1024, 1)
