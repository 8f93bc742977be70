import json
import shutil
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from codelm.errors import DamagedDataError, InputError
from codelm.files import hashes
from codelm.inference.place import Place
from codelm.inference.tuned_model import load_prompt_maker, load_tuned
from codelm.modules import LoRACausalLM
from codelm.modules.generation import Sampling
from codelm.saved_run import SavedRun

GREEDY = Sampling(12, temperature=0.0, top_p=1.0, batch_size=4)
LEFT = Place("src/lib.rs", "fn add(a: i32)")
HOLE = Place("src/lib.rs", "fn add(a: i32)", " -> i32\n")


@pytest.fixture(scope="module")
def model(tuned_run):
    return load_tuned(SavedRun(tuned_run[0]))


@pytest.fixture
def run_copy(tuned_run, tmp_path):
    """A copy of the run's folder, to be damaged."""
    folder = tmp_path / "numbers" / "version_0"
    shutil.copytree(tuned_run[0], folder)
    return folder


def logits(module, as_base=False):
    with torch.no_grad(), module.base_disabled() if as_base else nullcontext():
        return module.language_model(input_ids=torch.arange(30, 60)[None]).logits


def test_the_loaded_model_is_the_one_that_was_saved(model, tuned_run):
    torch.testing.assert_close(logits(model.module), logits(tuned_run[1]))
    torch.testing.assert_close(logits(model.module, as_base=True), logits(tuned_run[1], as_base=True))
    assert not torch.allclose(logits(model.module), logits(model.module, as_base=True), atol=1e-2)


def test_a_place_is_shown_as_a_sample_is(model):
    left, hole = (
        model.prompts.encoder.decode(model.prompts.encoder.encode([model.prompts.prompt(each, 12).sample])[0].ids)
        for each in (LEFT, HOLE)
    )
    assert left.startswith("<repo_name>numbers<file_sep>src/lib.rs\n")
    assert hole.index("<fim_prefix>") < hole.index("fn add") < hole.index("<fim_suffix>") < hole.index("<fim_middle>")


def test_line_ends_of_another_kind_do_not_change_a_prompt(model):
    texts = "fn a() {\n}\n\nfn b(", ") {\n}\n"
    files = [("src/other.rs", "fn b(a: i32) {\n    a();\n}\n" * 3)]
    crlf = [text.replace("\n", "\r\n") for text in texts]
    crlf_files = [(path, text.replace("\n", "\r\n")) for path, text in files]
    asked = model.prompts.prompt(Place("src/lib.rs", *crlf), 12, crlf_files)
    assert asked == model.prompts.prompt(Place("src/lib.rs", *texts), 12, files)
    assert "other.rs" in asked.text
    assert [Place("", *crlf).line_end, Place("", *texts).line_end, Place("", "").line_end] == ["\r\n", "\n", "\n"]


def test_a_place_may_be_in_another_repository(model):
    shown = model.prompts.prompt(replace(LEFT, repository="other"), 12)
    assert shown.text.startswith("other")


def test_what_the_base_writes_is_another_text(model):
    tuned, base = (model.write([LEFT, HOLE], GREEDY, as_base=each) for each in (False, True))
    assert tuned != base
    assert model.write([HOLE], GREEDY) == tuned[1:]


def test_a_text_ends_where_the_asker_has_enough(model):
    seen = []

    def until(text):
        seen.append(text)
        return len(seen) == 3

    [written] = model.write([LEFT], GREEDY, until=[until])
    assert len(seen) == 3
    assert written.text == seen[-1]
    assert written.stopped


def test_code_too_long_for_a_row_is_shown_as_far_as_there_is_room(model):
    long = Place("a.rs", "let a = 1;\n" * 500 + "let b", "\nlet c = 2;" * 500)
    ids = model.prompts.encoder.encode([model.prompts.prompt(long, 12).sample])[0].ids
    assert 800 < len(ids) <= 1024 - 12
    text = model.prompts.encoder.decode(ids)
    assert "let c = 2;" in text


def test_an_answer_that_leaves_no_room_is_refused(model):
    with pytest.raises(InputError, match="at most 896"):
        model.write([LEFT], replace(GREEDY, max_new_tokens=900))


def test_rows_too_short_for_any_answer_are_refused_without_a_number_to_give(model, monkeypatch):
    monkeypatch.setattr(model.prompts, "row_tokens", 128)
    with pytest.raises(InputError, match="rows of 128 tokens have no room for an answer"):
        model.prompts.prompt(LEFT, 1)
    monkeypatch.setattr(model.prompts, "row_tokens", 129)
    assert model.prompts.prompt(LEFT, 1)


def test_a_base_without_a_longest_sequence_has_the_rows_of_its_training(tuned_run, monkeypatch):
    run = SavedRun(tuned_run[0])
    monkeypatch.setattr(LoRACausalLM, "max_positions", None)
    monkeypatch.setitem(run.settings, "data.sequence_length", 8192)
    assert load_prompt_maker(run).row_tokens == 8192
    monkeypatch.delitem(run.settings, "data.sequence_length")
    assert load_prompt_maker(run).row_tokens == 4096


def test_a_base_that_cannot_fill_in_says_so(model, monkeypatch):
    monkeypatch.setattr(model.prompts.encoder, "format", replace(model.prompts.encoder.format, infill=()))
    with pytest.raises(InputError, match="from left to right"):
        model.write([HOLE], GREEDY)


@pytest.mark.parametrize(
    ("file", "content", "error"),
    [
        ("adapter/adapter_model.safetensors", b"", DamagedDataError),
        ("adapter/adapter_model.safetensors", b"\x00" * 64, DamagedDataError),
        ("adapter/adapter_config.json", b"{}", DamagedDataError),
        ("adapter/adapter_config.json", b"[", DamagedDataError),
        ("adapter/adapter_config.json", None, DamagedDataError),
        ("config.yaml", b"model: {}\n", DamagedDataError),
        ("config.yaml", b"model: {base: /nowhere/at/all, lora: {r: 2}}\n", InputError),
    ],
)
def test_a_damaged_run_is_refused_in_a_sentence(run_copy, file, content, error):
    path = run_copy / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(error):
        load_tuned(SavedRun(run_copy))


def test_a_run_without_an_adapter_says_how_far_it_came(run_copy):
    shutil.rmtree(run_copy / "adapter")
    with pytest.raises(InputError, match="has no adapter, its training is completed: give another run"):
        load_tuned(SavedRun(run_copy))


def test_an_adapter_of_another_rank_is_refused(run_copy):
    path = run_copy / "adapter" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"r": 4}))
    with pytest.raises(InputError, match="r, rslora, dora, targets"):
        load_tuned(SavedRun(run_copy))


def test_an_adapter_that_has_changed_is_refused(run_copy):
    path = run_copy / "MANIFEST.json"
    manifest = json.loads(path.read_text()) | {"adapter": {"sha256": hashes(run_copy / "adapter")}}
    path.write_text(json.dumps(manifest))
    weights = run_copy / "adapter" / "adapter_model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DamagedDataError, match="is not what numbers/version_0 saved"):
        load_tuned(SavedRun(run_copy))


def test_a_base_that_has_changed_is_refused(run_copy):
    path = run_copy / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    manifest["model"]["base_identity"]["files"]["weights_sha256"] = "0" * 64
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="no longer the one"):
        load_tuned(SavedRun(run_copy))


def test_other_code_is_shown_where_it_is_alike(model):
    files = [("src/other.rs", "struct Unlike;\n"), ("src/sub.rs", "fn sub(a: i32) -> i32 {\n")]
    shown = model.prompts.prompt(HOLE, 12, files).text
    assert "src/sub.rs\nfn sub" in shown
    assert "Unlike" not in shown
    assert model.prompts.prompt(HOLE, 12, files[:1]).text == model.prompts.prompt(HOLE, 12).text


def test_a_prompt_never_has_more_tokens_than_there_is_room_for(model):
    long = "let value = other_value + 1; " * 200
    files = [("other/" + "d" * 240, "fn add(a: i32) {\n" * 300)]
    for place in (Place("a" * 250, long, long, "r" * 250), Place("a.rs", f"{long}\n" * 9 + "fn add", "\n" + long)):
        [prompt] = model.prompts.encode([place], 100, files)
        assert 300 < len(prompt.ids) + len(prompt.typed) <= model.prompts.row_tokens - 100
