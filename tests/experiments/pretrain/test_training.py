import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from codelm.errors import InputError
from codelm.history.checksums import write_checksums
from codelm.history.tokenization.encoder import Encoder
from codelm.special_tokens import SPECIAL_TOKENS
from experiments.pretrain import rows
from experiments.pretrain.checkpoints import MADE_WITH, step_of
from experiments.pretrain.corpus import Document
from experiments.pretrain.evaluate import CONTEXT, windows
from experiments.pretrain.export import write_model
from experiments.pretrain.loops import LoopUnlikelihood
from experiments.pretrain.optimizers import muon_with_adamw
from experiments.pretrain.rows import DecayRows, PretrainingRows
from experiments.pretrain.tokenizer import save, train_bpe
from experiments.pretrain.train import Pretraining, Schedule, Shape, finish, train

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning has much to say about a run this small


@pytest.fixture
def tokenizer_folder(tmp_path):
    save(train_bpe(["fn main() { let x = 1234; }\n" * 50], 300), tmp_path / "tokenizer", 4096)
    return tmp_path / "tokenizer"


@pytest.fixture
def tokenizer(tokenizer_folder):
    return AutoTokenizer.from_pretrained(tokenizer_folder)


def test_the_tokenizer_has_the_special_tokens_in_their_places(tokenizer):
    of_infilling = ["<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>"]
    in_order = ["<|endoftext|>", *of_infilling, "<repo_name>", "<file_sep>"]
    assert tokenizer.convert_tokens_to_ids(in_order) == list(range(7))
    assert {tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id} == {0}


@pytest.mark.parametrize(
    "text", ["", "\r\n\t \x00\x07", "żółć 漢字 🦀\u200d", "fn  f( ) {\n\n    1.50\n}", "<fim_prefix"]
)
def test_the_tokenizer_loses_nothing(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_digits_stand_alone(tokenizer):
    assert tokenizer.tokenize("1234") == ["1", "2", "3", "4"]


def test_our_encoder_takes_the_tokenizer(tokenizer):
    assert Encoder(tokenizer).special == frozenset(SPECIAL_TOKENS)


@pytest.fixture
def schedule():
    return Schedule(rate=1e-3, warmup=2)


@pytest.fixture
def shape():
    return Shape(vocabulary=300, width=32, layers=2, inner=64, heads=2, key_value_heads=1)


@pytest.fixture
def store(tmp_path, tokenizer, monkeypatch):
    from dataclasses import asdict

    monkeypatch.setattr(rows, "ROW_LENGTHS", (64, 128))
    monkeypatch.setattr(rows, "DECAY_SHARDS", 1)
    code = "".join(f"fn item{number}() -> u8 {{ {number} }}\n" for number in range(40))
    documents = [Document("rust", "crate", "1.0.0", f"src/{number}.rs", code + f"// {number}\n") for number in range(8)]
    for name in ("train", "held-out"):
        lines = "".join(json.dumps(asdict(document)) + "\n" for document in documents)
        (tmp_path / f"{name}.jsonl").write_text(lines)
    rows.build_store(tmp_path, Encoder(tokenizer), tmp_path / "store")
    return tmp_path / "store"


def test_a_step_always_reads_the_same_rows(store):
    plans = [PretrainingRows(store, batch_tokens=256, epochs=2) for _ in range(2)]
    for data in plans:
        data.setup()
    assert plans[0].plan == plans[1].plan
    assert {len(step.rows) for step in plans[0].plan} <= {1, 2, 3, 4}


def test_the_decay_goes_on_where_the_stable_phase_was_left_with_rows_kept_for_it(store):
    stable, decay = PretrainingRows(store, batch_tokens=256), DecayRows(store, batch_tokens=256, begins=3)
    for data in (stable, decay):
        data.setup()
    assert decay.plan[:3] == stable.plan[:3]
    shards = stable.store.samples["commit"]
    assert {shards[index] for step in stable.plan for row in step.rows for index in row} == {0}
    assert {shards[index] for step in decay.plan[3:] for row in step.rows for index in row} == {1}


@pytest.fixture
def stable(store, tokenizer_folder, shape, schedule, tmp_path):
    def run(**changed):
        settings = {"steps": 2, "batch_tokens": 256, "shape": shape, "schedule": schedule} | changed
        train(store, tokenizer_folder, tmp_path / "run", **settings)
        return tmp_path / "run" / "last.ckpt"

    return run


@pytest.fixture
def decay(store, tokenizer_folder, shape, stable, tmp_path):
    """A function that runs or resumes a decay and returns the steps that it took."""
    stable()

    def run(folder, *, breaks_off=None, rate=1e-3, length=4, **changed):
        taken = []

        class Interruptible(Pretraining):
            def training_step(self, batch, batch_idx):
                if self.global_step == breaks_off:
                    raise KeyboardInterrupt
                taken.append(self.global_step)
                return super().training_step(batch, batch_idx)

        module = Interruptible(shape, Schedule(rate, warmup=2, decay_from=2, decay=length))
        settings = {"batch_tokens": 256, "module": module} | changed
        finish(store, tokenizer_folder, tmp_path / "run" / "last.ckpt", tmp_path / folder, **settings)
        return taken

    return run


def rewrite(checkpoint, change):
    """Change the content of a checkpoint."""
    torch.save(change(torch.load(checkpoint, weights_only=False)), checkpoint)


def assert_equal(folder, steps):
    """Assert that the runs "one" and "two" ended at a step with the same weights."""
    one, two = (torch.load(folder / name / "last.ckpt", weights_only=False) for name in ("one", "two"))
    assert one["global_step"] == two["global_step"] == steps
    for name, tensor in one["state_dict"].items():
        torch.testing.assert_close(two["state_dict"][name], tensor)


def without_recipe(content):
    """Remove the recipe and the settings, as in checkpoints of before they were recorded."""
    return {name: fact for name, fact in content.items() if name not in (MADE_WITH, "settings")}


def with_doubled_weights(content):
    """Change the weights, as of another training."""
    return content | {"state_dict": {name: 2 * tensor for name, tensor in content["state_dict"].items()}}


def change_tokenizer(folder):
    file = folder / "tokenizer.json"
    file.write_text(file.read_text() + "\n")


def change_store(folder):
    file = folder / "facts.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"held_out_bytes": 1}))
    (folder / "sums.txt").unlink()
    write_checksums(folder)


def test_a_resumed_run_ends_as_an_uninterrupted_one(store, tokenizer_folder, shape, schedule, tmp_path):
    settings = {"batch_tokens": 256, "shape": shape, "schedule": schedule}
    train(store, tokenizer_folder, tmp_path / "one", steps=4, **settings)
    train(store, tokenizer_folder, tmp_path / "two", steps=2, **settings)
    train(store, tokenizer_folder, tmp_path / "two", steps=4, **settings)
    assert_equal(tmp_path, steps=4)


def test_a_run_logs_its_bits_per_byte_on_held_out_code(stable, monkeypatch, caplog):
    monkeypatch.setattr("experiments.pretrain.train.STEPS_BETWEEN_VALIDATIONS", 2)
    with caplog.at_level("INFO"):
        stable()
    assert "step 2, 0.00 M tokens: held-out bits per byte" in caplog.text


def test_a_finished_model_loads_by_its_folder(store, shape, stable, tokenizer, tokenizer_folder, tmp_path):
    last = stable()
    assert step_of(last) == 2
    module = LoopUnlikelihood(shape, Schedule(1e-3, warmup=2, decay_from=2, decay=2), tokenizer)
    finish(store, tokenizer_folder, last, tmp_path / "branch", batch_tokens=256, module=module)
    write_model(module.model, tokenizer_folder, tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert model.dtype == torch.bfloat16
    assert (model.config.bos_token_id, model.config.eos_token_id) == (0, 0)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_a_resumed_decay_ends_as_an_uninterrupted_one(decay, tmp_path):
    decay("one")
    with pytest.raises(SystemExit):
        decay("two", breaks_off=4)
    assert decay("two") == [4, 5]
    assert_equal(tmp_path, steps=6)


def test_training_does_not_go_on_with_another_rate_or_batch_or_shape(stable, shape):
    from dataclasses import replace

    last = stable()
    before = last.read_bytes()
    for changed, message in (
        ({"schedule": Schedule(2e-3, warmup=2)}, "rate 0.001 instead of 0.002"),
        ({"batch_tokens": 512}, "batch tokens 256 instead of 512"),
        ({"shape": replace(shape, layers=1)}, "layers 2 instead of 1"),
    ):
        with pytest.raises(InputError, match=message):
            stable(steps=4, **changed)
    assert last.read_bytes() == before


def test_training_does_not_go_on_with_another_store_or_tokenizer(stable, store, tokenizer_folder):
    stable()
    change_store(store)
    with pytest.raises(InputError, match="made with store"):
        stable(steps=4)
    change_tokenizer(tokenizer_folder)
    with pytest.raises(InputError, match=r"store .* instead of .*, tokenizer .* instead of .*: give"):
        stable(steps=4)


def test_a_decay_refuses_a_training_with_another_rate_or_batch_or_store(decay, store):
    with pytest.raises(InputError, match="made with rate"):
        decay("branch", rate=2e-3)
    with pytest.raises(InputError, match="batch tokens 256 instead of 512"):
        decay("branch", batch_tokens=512)
    change_store(store)
    with pytest.raises(InputError, match="made with store"):
        decay("branch")


def test_a_decay_begins_from_a_checkpoint_that_records_nothing_but_its_rate(decay, tmp_path):
    rewrite(tmp_path / "run" / "last.ckpt", without_recipe)
    assert decay("branch", batch_tokens=128) == [2, 3, 4, 5]
    with pytest.raises(InputError, match="made with rate"):
        decay("branch", rate=2e-3)


def test_a_decay_of_another_schedule_or_another_training_begins_anew(decay, stable, tmp_path, caplog):
    decay("branch", length=2)
    assert decay("branch", length=2) == []
    with caplog.at_level("INFO"):
        assert decay("branch", length=4) == [2, 3, 4, 5]
    assert f"is of another decay: this one begins anew from {tmp_path / 'run' / 'last.ckpt'}" in caplog.text
    stable()  # the same weights, written again
    assert decay("branch") == []
    rewrite(tmp_path / "run" / "last.ckpt", with_doubled_weights)
    assert decay("branch") == [2, 3, 4, 5]
    rewrite(tmp_path / "branch" / "last.ckpt", without_recipe)
    assert decay("branch") == [2, 3, 4, 5]


def test_a_run_is_not_begun_whose_rows_do_not_suffice(stable, decay, store, monkeypatch):
    monkeypatch.setattr("experiments.pretrain.train.Trainer", lambda **_: pytest.fail("begun, and would never end"))
    for data, run in (
        (PretrainingRows(store, batch_tokens=256), lambda most: stable(steps=most + 1)),
        (DecayRows(store, batch_tokens=256, begins=2), lambda most: decay("branch", length=most - 1)),
    ):
        data.setup()
        most = len(data.plan)
        with pytest.raises(InputError, match=f"step {most + 1} is wanted, and the corpus ends with step {most} of 256"):
            run(most)


def test_a_model_is_written_whole_or_not_at_all_and_leaves_other_files_be(shape, tokenizer_folder, tmp_path):
    module = Pretraining(shape, Schedule())
    module.configure_model()
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MODEL_CARD.md").write_text("of the old one")
    write_model(module.model, tokenizer_folder, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert before["MODEL_CARD.md"] == b"of the old one"
    module.model.model.embed_tokens.weight.data.zero_()
    with pytest.raises(FileNotFoundError):
        write_model(module.model, tmp_path / "gone", folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "tokenizer"]


def test_muon_moves_hidden_matrices_and_adamw_the_rest(shape):
    module = Pretraining(shape, Schedule())
    module.configure_model()
    muon, adamw = muon_with_adamw(module.model, learning_rate=1e-3, weight_decay=0.0).param_groups
    assert len(muon["params"]) == 6 * shape.layers
    everything = {id(parameter) for parameter in module.model.parameters()}
    assert {id(parameter) for group in (muon, adamw) for parameter in group["params"]} == everything


def test_windows_count_every_token_once_and_show_at_most_the_context():
    found = list(windows(10, 5000))
    assert [index for _, scored, stop in found for index in range(scored, stop)] == list(range(10, 5000))
    assert all(stop - start <= CONTEXT for start, _, stop in found)
    assert all(scored - start >= CONTEXT // 2 for start, scored, _ in found[1:])
