import errno
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from lightning.pytorch import LightningModule, Trainer

from codelm.bases import tokenizer
from codelm.batch import Batch
from codelm.datamodules import GitCommitDataModule
from codelm.datamodules.checks import refuse_different_histories
from codelm.errors import DamagedDataError, InputError
from codelm.history.checksums import write_checksums
from codelm.history.epochs.importance import Importance
from codelm.history.filters.settings import Filters
from codelm.history.samples.pieces import Kind
from codelm.history.store import Split, open_store
from tests.git.test_blobs import remove_blob

IGNORE = ["target/", "Cargo.lock"]

ELSEWHERE = """
import sys
sys.modules["peft"] = sys.modules["bitsandbytes"] = None  # an import of either fails

import torch
from lightning.pytorch import LightningModule, Trainer
from codelm.batch import IGNORE
from codelm.datamodules import GitCommitDataModule

tokenizer, repo, cache, folder = sys.argv[1:]
data = GitCommitDataModule(tokenizer, repo, sequence_length=256, batch_size=2, cache=cache)


class Bigrams(LightningModule):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(300, 300)

    def training_step(self, batch, _):
        scores = self.table(batch["input_ids"][:, :-1]).flatten(0, 1)
        return torch.nn.functional.cross_entropy(scores, batch["labels"][:, 1:].flatten(), ignore_index=IGNORE)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.1)


model = Bigrams()
quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
Trainer(max_epochs=2, accelerator="cpu", default_root_dir=folder, **quiet).fit(model, data)

bare = GitCommitDataModule(tokenizer, repo, sequence_length=256, batch_size=2, cache=cache)
bare.prepare_data()
bare.setup()
optimizer = model.configure_optimizers()
losses = []
for epoch in range(2):
    for batch in bare.epoch_dataloader(epoch):
        losses.append(model.training_step(batch, 0))
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
assert losses[-1] < losses[0], losses
print("steps", len(losses), "of", bare.optimizer_steps(2))
"""


@pytest.fixture
def make_data(rust_repository, tiny_base, tmp_path):
    def make(**settings):
        defaults = {"sequence_length": 512, "filters": Filters(ignore=IGNORE), "cache": str(tmp_path / "cache")}
        return GitCommitDataModule(str(tiny_base), **({"repo": str(rust_repository)} | defaults | settings))

    return make


def ready(data):
    data.prepare_data()
    data.setup()
    return data


def test_making_one_touches_nothing(tmp_path):
    GitCommitDataModule("no/such-model", "/no/such/folder", cache=str(tmp_path / "cache"))
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_reads_no_history(make_data, monkeypatch):
    ready(make_data())
    monkeypatch.setattr(
        "codelm.datamodules.git_commits.build_store", lambda *_: pytest.fail("the history was read again")
    )
    assert len(ready(make_data()).train_dataloader()) > 0


def test_the_commits_of_a_step_are_those_of_its_rows(make_data):
    data = ready(make_data(batch_size=1))
    data.trainer = SimpleNamespace(limit_train_batches=1.0, accumulate_grad_batches=2, world_size=1)
    batches = data.micro_batches(0, accumulate=2)
    commits = [each["sha"] for each in data.store.commits]
    for step in (0, 1, len(batches) // 2 - 1):
        rows = [row for batch in batches[2 * step : 2 * step + 2] for row in batch.rows]
        wanted = {commits[data.store.samples["commit"][index]] for row in rows for index in row}
        assert set(data.commits_of_step(step)) == wanted
    assert len(data.commits_of_step(0)) == len(set(data.commits_of_step(0)))


def test_a_new_commit_makes_a_new_store(make_data, git, rust_repository):
    before = make_data().store_folder
    git(rust_repository, "symbolic-ref", "HEAD", "refs/heads/main")
    tree = git(rust_repository, "rev-parse", "HEAD^{tree}")
    commit = git(rust_repository, "commit-tree", tree, "-p", "HEAD", "-m", "Another")
    git(rust_repository, "update-ref", "refs/heads/main", commit)
    assert make_data().store_folder != before


def test_what_a_history_that_moved_on_takes_from_the_last_store_is_said(make_data, caplog):
    caplog.set_level(logging.INFO)
    make_data(revision="HEAD~10").prepare_data()
    assert "changes and files" not in caplog.text
    make_data().prepare_data()
    [line] = [record.getMessage() for record in caplog.records if "changes and files" in record.getMessage()]
    assert re.fullmatch(
        r"encoded \d+ of \d+ changes and files; the others are in the last store; "
        r"the end of training moved in numbers from [0-9a-f]{12} to [0-9a-f]{12}",
        line,
    )


def test_repositories_of_one_name_that_moved_on_are_told_apart(make_data, make_repository, caplog):
    caplog.set_level(logging.INFO)
    functions = [f"fn number_{n}(x: u64) -> u64 {{\n    x * {n}\n}}\n" for n in range(60)]
    folders = [
        str(make_repository([{f"{n}.rs": functions[start + n]} for n in range(30)], name=f"{start}/numbers"))
        for start in (0, 30)
    ]
    for revision in ("HEAD~10", "HEAD"):
        make_data(repo=folders, revision=revision).prepare_data()
    assert caplog.text.count("numbers from ") == 2


def test_file_rules_decide_how_often_a_sample_is_drawn(make_data):
    data = ready(make_data(importance=Importance(file_rules={"alpha.rs": 3.0})))
    samples = data.store.samples[data.store.indices(Split.TRAIN)]
    alpha = data.store.facts["paths"].index("src/alpha.rs")
    assert set(data.importances[samples["path"] == alpha]) == {3.0}
    assert set(data.importances[samples["path"] != alpha]) == {1.0}


def test_old_commits_count_less_and_files_as_they_stand_do_not_age(make_data):
    data = ready(make_data(importance=Importance(half_life_days=1 / 86_400)))
    samples = data.store.samples[data.store.indices(Split.TRAIN)]
    assert set(data.importances[samples["kind"] == Kind.FILE]) == {1.0}
    changes = data.importances[samples["kind"] != Kind.FILE]
    assert changes.max() == 1.0
    assert changes.min() < 1e-6


def test_the_mix_of_files_and_changes_is_a_setting(make_data):
    data = ready(make_data(importance=Importance(whole_files=0.0), curriculum="none"))
    drawn = data.store.samples["kind"][[index for row in data.rows(0) for index in row]]
    assert Kind.FILE in data.store.samples["kind"]
    assert Kind.FILE not in drawn
    assert len(drawn) == len(data.store.indices(Split.TRAIN))


def test_weights_of_one_draw_every_sample_once(make_data):
    data = ready(make_data(curriculum="none"))
    drawn = sorted(index for row in data.rows(0) for index in row)
    assert drawn == data.store.indices(Split.TRAIN).tolist()


def test_a_large_commit_is_held_to_its_cap(make_data):
    plain = ready(make_data())
    capped = ready(make_data(importance=Importance(max_commit_tokens=50)))
    samples = plain.store.samples[plain.store.indices(Split.TRAIN)]
    assert capped.importances.min() < 1.0
    assert (plain.importances == 1.0).all()
    assert len(samples) == len(capped.importances)


def test_what_was_read_is_logged_once(make_data, caplog):
    with caplog.at_level(logging.INFO, "codelm"):
        ready(make_data())
    assert "40 commits, 0 merges; kept 36 of 36 to train" in caplog.text
    assert "ignored by pattern Cargo.lock" in caplog.text


def test_a_shallow_clone_is_logged_with_what_completes_it(make_data, rust_repository, git, tmp_path, caplog):
    git(tmp_path, "clone", "-q", "--depth=30", f"file://{rust_repository}", "cut")
    data = make_data()
    data.repo = [str(rust_repository), str(tmp_path / "cut")]
    data.prepare_data()
    (notice,) = (message for message in caplog.messages if "shallow clone" in message)
    assert notice.startswith(f"{tmp_path / 'cut'} is a shallow clone")
    git(tmp_path, *notice.partition("; git ")[2].removesuffix(" completes it").split())
    assert data.repositories[1].shallow
    assert not make_data().repositories[0].shallow


def test_a_history_is_read_again_once_contents_are_there_that_were_missing(make_data, rust_repository, git, tmp_path):
    git(tmp_path, "clone", "-q", "--no-checkout", f"file://{rust_repository}", "part")
    remove_blob(tmp_path / "part", git, "HEAD~20:src/alpha.rs")
    missing = []
    for _ in range(2):
        data = make_data()
        data.repo = [str(tmp_path / "part")]
        missing.append(ready(data).facts["scrape"]["repositories"][0]["read"]["missing"])
        git(tmp_path / "part", "fetch", "-q", "--refetch")
    assert missing == [2, 0]


@pytest.mark.parametrize("name", ["tokens.bin", "roles.bin", "samples.npy", "facts.json", "test.jsonl.gz", "sums.txt"])
def test_a_damaged_cache_is_made_again_as_it_was_with_one_line_that_says_so(make_data, caplog, name):
    before = ready(make_data())
    file = before.store.folder / name
    content = file.read_bytes()
    tokens = before.store.tokens.tolist()
    file.unlink()  # the store that is open keeps its own
    file.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    with caplog.at_level(logging.WARNING, "codelm"):
        after = ready(make_data())
    (line,) = (message for message in caplog.messages if "damaged" in message)
    assert line.startswith(f"history: reading it again, since the cache {file.parent} is damaged (")
    assert name in line
    assert after.store.tokens.tolist() == tokens
    assert name in ("facts.json", "test.jsonl.gz", "sums.txt") or file.read_bytes() == content


def test_a_damaged_cache_that_cannot_be_written_to_is_one_line_with_the_setting(make_data, monkeypatch):
    data = ready(make_data())
    (data.store.folder / "roles.bin").unlink()

    def read_only(**words):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("codelm.history.store_folders.tempfile.mkdtemp", read_only)
    with pytest.raises(InputError, match=r"Read-only file system; choose another with --data\.cache$"):
        ready(make_data())


def test_a_cache_damaged_after_it_was_made_is_refused_where_it_is_opened(make_data):
    data = make_data()
    data.prepare_data()
    data.store_folder.joinpath("roles.bin").write_bytes(b"")
    with pytest.raises(DamagedDataError, match=r"is damaged \(not as in sums\.txt: roles\.bin\): run again"):
        data.setup()


def test_a_process_reads_a_cache_once_to_compare_its_checksums(make_data, monkeypatch):
    ready(make_data())
    opened = []
    monkeypatch.setattr(
        "codelm.datamodules.git_commits.open_store", lambda folder: opened.append(folder) or open_store(folder)
    )
    data = ready(make_data())
    for stage in ("fit", "validate", "test"):
        data.setup(stage)
    assert opened == [data.store_folder]


def test_every_phase_is_logged_where_it_begins(make_data, caplog, monkeypatch, rust_repository):
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    with caplog.at_level(logging.INFO, "codelm"):
        make_data().prepare_data()
    begun = [message for message in caplog.messages if "reading" in message or ": 0 of " in message]
    assert begun == [
        f"history: reading {rust_repository}",
        "numbers: files: 0 of 12",
        "numbers: train commits: 0 of 36",
        "numbers: validation commits: 0 of 2",
        "numbers: test commits: 0 of 2",
        "numbers: newest files: 0 of 12",
    ]


def test_a_batch_holds_what_the_docstring_and_the_page_say(make_data):
    batch = next(iter(ready(make_data()).train_dataloader()))
    assert set(batch) == set(Batch.__annotations__)
    assert [name for name in batch if f"``{name}``" not in GitCommitDataModule.__doc__] == []
    page = (Path(__file__).parents[2] / "docs/data.md").read_text()
    assert [name for name in batch if f"| `{name}` |" not in page] == []
    learned = batch["labels"] != -100
    assert (batch["labels"] == batch["input_ids"])[learned].all()


def test_several_repositories_are_learned_together(make_data, make_repository, rust_repository):
    other = make_repository(
        [{f"src/{n}.rs": f"fn other_{n}() -> u32 {{ {n} * {n} }}\n"} for n in range(12)], name="other"
    )
    data = make_data()
    data.repo = [str(rust_repository), str(other)]
    names = {commit["repository"] for commit in ready(data).store.commits}
    assert names == {"numbers", "other"}


def test_when_everything_is_filtered_away_nothing_stays_behind(make_data, tmp_path):
    data = make_data(filters=Filters(ignore=["*"]))
    with pytest.raises(InputError, match=r"nothing is left of the train part"):
        data.prepare_data()
    assert list((tmp_path / "cache").iterdir()) == []


def test_when_everything_is_filtered_away_the_reasons_are_logged_also_where_it_is_quiet(make_data, caplog):
    with caplog.at_level(logging.WARNING, "codelm"), pytest.raises(InputError, match="the table above"):
        make_data(filters=Filters(ignore=["*"])).prepare_data()
    assert "ignored by pattern *" in caplog.text


@pytest.fixture
def predict(tmp_path):
    """Return a function that lets a module predict on a datamodule, and returns what it was given."""

    class Echo(LightningModule):
        def predict_step(self, batch, batch_idx):
            return batch

    def predict(data):
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        return Trainer(accelerator="cpu", default_root_dir=tmp_path, **quiet).predict(Echo(), data)

    return predict


def test_a_history_with_nothing_to_test_can_be_learned_but_not_tested(make_data, make_repository):
    commits = [{f"src/{n}.rs": f"fn other_{n}() -> u32 {{ {n} * {n} }}\n"} for n in range(18)]
    data = make_data(held_out=0.2)
    data.repo = [str(make_repository([*commits, *({"notes.bin": bytes(9 + n)} for n in range(2))]))]
    ready(data)
    with pytest.raises(InputError, match=r"nothing is left of the test part .*data\.held_out"):
        data.setup("test")


def test_to_predict_it_serves_the_prompts_and_reads_no_history(predict, tmp_path):
    nowhere = str(tmp_path / "nowhere")
    data = GitCommitDataModule(nowhere, nowhere, cache=nowhere, batch_size=2, prompts=["fn a", "", "impl B\n"])
    assert predict(data) == [["fn a", ""], ["impl B\n"]]
    assert not (tmp_path / "nowhere").exists()


def test_without_prompts_there_is_nothing_to_predict(predict, make_data):
    with pytest.raises(InputError, match=r"behavior\.prompts"):
        predict(make_data())


def test_an_unknown_tokenizer_is_refused_in_one_sentence(make_data):
    data = make_data()
    data.tokenizer = "/no/such/folder"
    with pytest.raises(InputError, match=r"base model /no/such/folder .* no such folder"):
        data.prepare_data()


def test_the_tokenizer_is_that_of_the_revision(make_data, monkeypatch):
    asked = []
    load = tokenizer.load_tokenizer
    monkeypatch.setattr(
        "codelm.datamodules.prompt_format.load_tokenizer", lambda *words: asked.append(words) or load(*words)
    )
    data = make_data(tokenizer_revision="v7")
    assert data.encoder.fingerprint
    assert asked == [(data.tokenizer, "v7")]


def test_another_project_needs_neither_peft_nor_bitsandbytes(rust_repository, tiny_base, tmp_path):
    words = [sys.executable, "-c", ELSEWHERE, tiny_base, rust_repository, tmp_path / "cache", tmp_path]
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    _, steps, _, planned = done.stdout.split()
    assert steps == planned


def test_the_manifest_gets_json(make_data):
    facts = ready(make_data()).facts
    assert json.loads(json.dumps(facts)) == facts
    assert 0 < facts["tokenize"]["packing_efficiency"] <= 1


class TwoProcesses:
    """A trainer of two processes, of which another one is the first; what it has opened, and whether all agree."""

    world_size = 2
    strategy = property(lambda self: self)
    root_device = "cpu"

    def __init__(self, first=None):
        self.first = first

    def broadcast(self, own):
        self.first = self.first or own
        return self.first

    def reduce(self, value, reduce_op):
        return value


def test_processes_whose_stores_hold_other_samples_are_refused(make_data, tmp_path):
    here, elsewhere = ready(make_data()), ready(make_data(cache=str(tmp_path / "elsewhere")))
    first = TwoProcesses()
    refuse_different_histories(first, here.store)
    refuse_different_histories(TwoProcesses(first.first), elsewhere.store)
    for other in (make_data(revision="HEAD~1"), make_data(sequence_length=256)):
        with pytest.raises(InputError, match="read different histories"):
            refuse_different_histories(TwoProcesses(first.first), ready(other).store)


def test_it_compares_samples_and_not_names_alone(make_data):
    data, first = ready(make_data()), TwoProcesses()
    refuse_different_histories(first, data.store)
    tokens = np.fromfile(data.store.folder / "tokens.bin", "<u4")
    (data.store.folder / "tokens.bin").write_bytes((tokens + 1).tobytes())
    write_checksums(data.store.folder)
    with pytest.raises(InputError, match="read different histories"):
        refuse_different_histories(TwoProcesses(first.first), open_store(data.store.folder))
