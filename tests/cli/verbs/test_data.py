"""Datasets of small repositories: what is in them, that it is what a run learns, and what is refused."""

import json
import random
import string
import subprocess
import sys

import pytest
import yaml

from codelm.cli.entry_point import main

SETTINGS = ("--config=tiny", "--data.sequence_length=256", "--data.held_out=0.3")


@pytest.fixture
def write(tmp_path, capsys):
    """Write a dataset with the bundled base: ``write(repository, "--columns=text")`` returns it and what is printed."""

    def run(repository, *arguments, to="data"):
        cache = f"--data.cache={tmp_path / 'cache'}"
        status = main(["data", str(repository), "--to", str(tmp_path / to), *SETTINGS, cache, *map(str, arguments)])
        printed = capsys.readouterr()
        assert status == 0, printed.err
        return tmp_path / to, printed

    return run


@pytest.fixture
def module(tmp_path):
    """Return the datamodule that ``codelm fit`` would have with the same settings, set up."""
    from codelm.datamodules import GitCommitDataModule
    from codelm.history.epochs.importance import Importance
    from codelm.history.filters.settings import Filters
    from codelm.history.samples.formats import Formats

    def make(repository):
        data = GitCommitDataModule(
            "tiny",
            str(repository),
            sequence_length=256,
            held_out=0.3,
            max_commits=300,
            formats=Formats(context_lines=16),
            importance=Importance(whole_files=0.5),
            filters=Filters(ignore=["target/", "Cargo.lock"]),
            cache=str(tmp_path / "cache"),
        )
        assert data.store_settings.seed == 42
        data.prepare_data()
        data.setup("fit")
        return data

    return make


def rows_of(folder, split, form="jsonl"):
    if form == "parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(folder / f"{split}.parquet").to_pylist()
    return [json.loads(line) for line in (folder / f"{split}.jsonl").read_text("utf-8").splitlines()]


def test_tokens_are_the_samples_that_a_run_learns_row_by_row(write, module, rust_repository, monkeypatch):
    from codelm.batch import collate
    from codelm.datamodules.rows import PackedRows
    from codelm.history.store import Split

    folder, printed = write(rust_repository, "--data.context_weight=0.5")
    assert "history: reading" in printed.err
    data = module(rust_repository)
    kinds = set()
    for split in Split:
        rows, facts = (rows_of(place, split.name.lower()) for place in (folder, folder / "facts"))
        indices = data.store.indices(split).tolist()
        assert len(rows) == len(facts) == len(indices) > 0
        samples = PackedRows(data.store, [], 0.5 if split == Split.TRAIN else 0.0)
        for row, fact, index in zip(rows, facts, indices, strict=True):
            batch = collate([[samples.sample(index)]])
            assert list(row) == ["input_ids", "attention_mask", "labels"]
            assert row["input_ids"] == batch["input_ids"][0].tolist()
            assert row["labels"] == batch["labels"][0].tolist()
            assert row["attention_mask"] == [1] * len(row["input_ids"])
            assert fact["token_weights"] == batch["weights"][0].tolist()
            assert fact["sample"] == index
            assert fact["split"] == split.name.lower()
            kinds.add(fact["kind"])
        if split == Split.TRAIN:
            assert [fact["weight"] for fact in facts] == data.importances.tolist()
            assert {0.5, 1.0} <= {weight for fact in facts for weight in fact["token_weights"]}
            assert {fact["weight"] for fact in facts if fact["kind"] == "file"} == {0.5}
        else:
            assert {fact["weight"] for fact in facts} == {1.0}
    assert kinds == {"file", "change", "fim"}


def test_no_commit_is_in_two_splits_and_the_facts_are_those_of_the_history(write, rust_repository, git):
    folder, _ = write(rust_repository, "--columns=text")
    order = git(rust_repository, "rev-list", "--reverse", "main").split()
    places = {
        split: [order.index(row["commit"]) for row in rows_of(folder, split)]
        for split in ("train", "validation", "test")
    }
    assert max(places["train"]) < min(places["validation"])
    assert max(places["validation"]) < min(places["test"])
    [row, *_] = rows_of(folder, "test")
    assert (row["repository"], row["language"]) == ("numbers", "Rust")
    assert row["path"].startswith("src/")
    assert row["text"].startswith("<repo_name>numbers<file_sep>")


def test_completions_are_what_authors_wrote_once_each_behind_all_that_precedes_it(write, module, rust_repository):
    from codelm.bases.tokenizer import load_tokenizer
    from codelm.history.samples.pieces import Role

    folder, _ = write(rust_repository, "--columns=prompt-completion")
    data, tokenizer = module(rust_repository), load_tokenizer("tiny")
    several = 0
    for split in ("train", "validation", "test"):
        rows = rows_of(folder, split)
        assert list(rows[0])[:2] == ["prompt", "completion"]
        of_sample = {number: [row for row in rows if row["sample"] == number] for number in {r["sample"] for r in rows}}
        for number, runs in of_sample.items():
            ids, roles = data.store.sample(number)
            learned = []
            for row in runs:
                whole, prompt = (
                    tokenizer(text, add_special_tokens=False)["input_ids"]
                    for text in (row["prompt"] + row["completion"], row["prompt"])
                )
                assert whole == ids[: len(whole)].tolist()
                assert whole[: len(prompt)] == prompt
                learned += range(len(prompt), len(whole))
            roles[0] = Role.IGNORED
            assert learned == [place for place, role in enumerate(roles) if role == Role.TARGET]
            several += len(runs) > 1
    assert several


@pytest.mark.parametrize("columns", ["tokens", "prompt-completion"])
def test_parquet_holds_what_json_lines_do(write, rust_repository, columns):
    pytest.importorskip("pyarrow")
    lines, _ = write(rust_repository, f"--columns={columns}", to="lines")
    tables, printed = write(rust_repository, f"--columns={columns}", "--format=parquet", to="tables")
    assert f"{columns}, parquet, " in printed.out
    assert (tables / "facts").exists() == (columns == "tokens")
    for place in ("", "facts") if columns == "tokens" else ("",):
        for split in ("train", "validation", "test"):
            assert rows_of(tables / place, split, "parquet") == rows_of(lines / place, split)


def test_the_card_and_the_record_say_what_it_is_and_no_folder_of_this_machine(write, rust_repository, tmp_path, git):
    folder, printed = write(rust_repository)
    card, record = ((folder / name).read_text("utf-8") for name in ("README.md", "dataset.json"))
    assert str(tmp_path) not in card + record
    front = yaml.safe_load(card.split("---")[1])
    assert front["license"] == "unknown"
    [config] = front["configs"]
    assert [(folder / each["path"]).is_file() for each in config["data_files"]] == [True] * 3
    found = json.loads(record)
    assert found["repositories"][0]["tip"] == git(rust_repository, "rev-parse", "main")
    assert found["files"].keys() == {f"{place}{split}.jsonl" for place in ("", "facts/") for split in found["splits"]}
    assert found["settings"]["sequence_length"] == 256
    for split, counts in found["splits"].items():
        assert f"| {split} | {counts['rows']:,} | {counts['samples']:,} | {counts['tokens']:,} |" in card
        assert counts["rows"] == counts["samples"] == len(rows_of(folder, split))
        assert f"{split:<11}{counts['rows']:,} rows of {counts['samples']:,} samples" in printed.out
    example = card.split("```yaml")[1].split("```")[0]
    assert yaml.safe_load(example)["datasets"] == [{"path": "FOLDER/train.jsonl", "ds_type": "json", "type": None}]


def test_text_that_spells_a_special_token_is_left_out_of_text_and_not_of_tokens(write, make_repository):
    files = [{"a.rs": "".join(f"fn f{each}() {{}}\n" for each in range(number + 1))} for number in range(12)]
    files[3] |= {"b.rs": 'const END: &str = "<|endoftext|>";\n'}
    repository = make_repository(files)
    tokens, _ = write(repository, to="tokens")
    paths = [row["path"] for row in rows_of(tokens / "facts", "train")]
    assert paths.count("b.rs") == 2
    text, printed = write(repository, "--columns=text", to="text")
    assert [row["path"] for row in rows_of(text, "train")] == [path for path in paths if path != "b.rs"]
    assert "left out   2 samples whose text spells a special token" in printed.out
    assert "2 samples whose text spells a special token are left out" in (text / "README.md").read_text()


def test_credentials_are_in_no_file(write, make_repository):
    secret = "gh" + "p_" + "".join(random.Random(0).choices(string.ascii_letters, k=36))
    files = [{"a.rs": "".join(f"fn f{each}() {{}}\n" for each in range(number + 1))} for number in range(12)]
    files[2] |= {"b.rs": f'let t = "{secret}";\n'}
    folder, _ = write(make_repository(files), "--columns=text")
    texts = [path.read_text("utf-8") for path in folder.iterdir()]
    assert not any(secret in text for text in texts)
    assert any("REDACTED" in row["text"] for row in rows_of(folder, "train"))


def test_quiet_leaves_the_summary_alone_and_force_replaces_datasets_alone(write, rust_repository, tmp_path, capsys):
    folder, printed = write(rust_repository, "--quiet")
    assert printed.err == ""
    assert [line.split()[0] for line in printed.out.splitlines()] == ["dataset", "form", "train", "validation", "test"]
    arguments = ["data", str(rust_repository), "--to", str(folder), *SETTINGS, f"--data.cache={tmp_path / 'cache'}"]
    assert main(arguments) == 2
    taken = f"{folder} holds a dataset: replace it with --force, or give another folder with --to"
    assert capsys.readouterr().err == f"codelm: error: {taken}\n"
    write(rust_repository, "--columns=text", "--force")
    assert not (folder / "facts").exists()
    (folder / "dataset.json").unlink()
    assert main([*arguments, "--force"]) == 2
    assert "no dataset of codelm" in capsys.readouterr().err
    assert (folder / "train.jsonl").is_file()


def test_a_full_disk_leaves_nothing(rust_repository, tmp_path, capsys, monkeypatch):
    def full(file, row):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("codelm.export.dataset.tables._write_line", full)
    cache = f"--data.cache={tmp_path / 'cache'}"
    assert main(["data", str(rust_repository), "--to", str(tmp_path / "to" / "data"), *SETTINGS, cache, "--quiet"]) == 4
    assert "No space left on device; make room there, or choose another with --to" in capsys.readouterr().err
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["/nowhere/at/all", "--to=out"], 2, "no such folder"),
        ([".", "--to=out"], 2, "not a git repository"),
        (["empty", "--to=out"], 2, "empty"),
        (["."], 2, "--to"),
        ([".", "--to="], 2, "--to is empty"),
        ([".", "--to=file/below"], 4, "is no folder; choose another with --to"),
        ([".", "--to=file"], 2, "file is there, and no dataset of codelm"),
        ([".", "--to=out", "--columns=words"], 2, "choose from"),
        ([".", "--to=out", "--format=csv"], 2, "choose from"),
        ([".", "--to=out", "--colums=text"], 2, "did you mean --columns"),
        ([".", "--to=out", "--data.held_ot=0.2"], 2, "did you mean --data.held_out?"),
        ([".", "--to=out", "--config=nowhere"], 2, "no config file 'nowhere'"),
    ],
)
def test_wrong_arguments_are_refused_in_a_line(tmp_path, monkeypatch, capsys, git, arguments, status, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    git(tmp_path, "init", "-q", "--template=", "empty")
    settings = [] if "--config=nowhere" in arguments else ["--config=tiny"]
    assert main(["data", *arguments, *settings, f"--data.cache={tmp_path / 'cache'}"]) == status
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_pyarrow_parquet_is_refused_before_anything_is_read(rust_repository, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("codelm.export.dataset.tables.find_spec", lambda name: None)
    arguments = ["data", str(rust_repository), "--to", str(tmp_path / "data"), *SETTINGS, "--format=parquet"]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.endswith("install it with pip install 'codelm[data]', or give --format jsonl\n")
    assert error.count("\n") == 1


def test_help_says_how_and_imports_nothing_heavy():
    code = "import sys; from codelm.cli.entry_point import main; main(['data', '--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "codelm data ~/src/ripgrep --to ripgrep-data" in done.stdout
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not {"torch", "transformers", "lightning", "peft", "pyarrow"} & loaded
