"""An inspection of small repositories, as it is typed and as it is shown."""

import json
import random
import string
import subprocess
import sys

import pytest

from codelm.cli.entry_point import main


@pytest.fixture
def inspect(tmp_path, capsys):
    """Inspect with the bundled base: ``inspect(folder, "--samples=2")`` returns what is printed."""

    def run(*arguments, config="tiny", base="tiny"):
        settings = [f"--data.cache={tmp_path / 'cache'}", f"--output={tmp_path / 'runs'}", f"--model.base={base}"]
        assert main(["inspect", *map(str, arguments), *([f"--config={config}"] if config else []), *settings]) == 0
        return capsys.readouterr().out

    return run


def test_it_fits_a_screen_and_says_what_to_type(inspect, rust_repository, tmp_path):
    shown = inspect(rust_repository)
    lines = shown.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines[:-1])) <= 120
    assert lines[0] == "numbers        40 commits; read 40 by 3 authors, written 2023-11-14 to 2023-11-14"
    assert "100.0% of the code is Rust (above 70 %): configs/rust.yaml" in shown
    assert "36 of 36 to train, 2 of 2 to validation, 2 of 2 to test; and 10 files as they stand" in shown
    assert {"secrets        none found", "people         none found"} <= set(lines)
    assert lines[-1].split()[:4] == ["next", "codelm", "fit", "--config=tiny"]
    assert f"--data.repo={rust_repository}" in lines[-1]
    assert not (tmp_path / "cache").exists()


def test_without_a_configuration_it_takes_the_one_that_fits(inspect, rust_repository, make_repository):
    python = make_repository([{"a.py": f"a = {number}\n"} for number in range(12)])
    for folder, name in ((rust_repository, "rust"), (python, "default")):
        found = json.loads(inspect(folder, "--json", config=None))
        assert found["languages"]["recommended_config"] == f"configs/{name}.yaml"
        assert found["command"].startswith(f"codelm fit --config=configs/{name}.yaml --")
        assert found["samples"]["train"]["samples"] > 0


def credential(seed):
    return "gh" + "p_" + "".join(random.Random(seed).choices(string.ascii_letters, k=36))


def test_credentials_are_named_by_kind_and_place_and_never_shown(inspect, make_repository):
    code = [{"a.rs": "".join(f"fn f{each}() {{}}\n" for each in range(number + 1))} for number in range(12)]
    told = {"c.rs": "fn c() {}\n"}, {"message": f"Use {credential(1)}"}
    added = [{"b.rs": f'let t = "{credential(0)}";\n'}, {f"{credential(3)}.rs": "fn d() {}\n"}]
    folder = make_repository([told, *added, *code])
    printed = inspect(folder, "--json") + inspect(folder, "--samples=9")
    assert [seed for seed in (0, 1, 3) if credential(seed) in printed] == []
    found = json.loads(inspect(folder, "--json"))["secrets"]
    places = {each["measure"]: [(place["path"], place["line"]) for place in each["places"]] for each in found}
    assert places["hunk left out"] == [("b.rs", 1)]
    assert places["REDACTED in a message"] == [("", None)]
    assert places["file left out, for its path"] == [("REDACTED.rs", None)] * 2  # of the tree, and of its commit
    assert {each["kind"] for each in found} == {"github"}


def test_what_names_people_is_counted_by_place_and_never_shown(inspect, make_repository):
    commits = [{"a.rs": "".join(f"fn f{each}() {{}}\n" for each in range(number + 1))} for number in range(12)]
    signed = {"b.rs": "fn b() {}\n// jo@corp.com\n", "jo@corp.com.rs": "fn c() {}\n"}, {"message": "Ask jo@corp.com"}
    folder = make_repository([signed, *commits])
    printed = inspect(folder, "--json") + inspect(folder, "--samples=9")
    assert "jo@corp.com" not in printed
    assert "people         e-mail address, replaced in text: 2" in printed
    found = {each["measure"]: each["count"] for each in json.loads(inspect(folder, "--json"))["people"]}
    assert found == {"replaced in text": 2, "replaced in a message": 1, "replaced in a path": 2}


def test_the_rules_of_weights_say_how_many_files_and_commits_they_weigh(inspect, rust_repository):
    assert "\nweights" not in inspect(rust_repository)
    rules = {"file_rules": {"lib.rs": 2.0, "*.rs": 1.5, "none/": 0.5}, "message_rules": {"change|add": 1.3}}
    given = [f"--data.importance.{name}={json.dumps(value)}" for name, value in rules.items()]
    found = json.loads(inspect(rust_repository, *given, "--json"))["weights"]
    assert [(each["rule"], each["factor"], each["what"]) for each in found] == [
        ("lib.rs", 2.0, "files"),
        ("*.rs", 1.5, "files"),
        ("none/", 0.5, "files"),
        ("change|add", 1.3, "commits"),
    ]
    assert all(0 <= each["count"] <= each["of"] for each in found)
    assert found[2]["count"] == 0
    shown = f"weights file_rules lib.rs factor 2: {found[0]['count']} of {found[0]['of']} files"
    assert shown.split() in [line.split() for line in inspect(rust_repository, *given).splitlines()]


def test_partial_and_shallow_clones_are_named(inspect, rust_repository, tmp_path, git):
    git(tmp_path, "clone", "-q", "--depth=30", f"file://{rust_repository}", "shallow")
    assert "note: " in (shown := inspect(tmp_path / "shallow"))
    assert "is a shallow clone" in " ".join(shown.split())
    assert "fetch --unshallow completes it" in " ".join(shown.split())


def test_samples_are_shown_with_what_is_learned_in_brackets(inspect, rust_repository):
    shown = inspect(rust_repository, "--samples", "3")
    assert [line.split(",")[0] for line in shown.splitlines() if line.startswith("---")] == [
        "--- 1: fim",
        "--- 2: file",
        "--- 3: change",
    ]
    whole = shown.partition("--- 2: file")[2].partition("---")[0]
    assert "<repo_name>numbers<file_sep>src/" in whole
    assert "⟦//! All about" in whole


def test_a_character_of_several_tokens_is_shown_once(inspect):
    assert inspect("--tokens", "a🦀").splitlines()[2:3] == ["a|🦀 (3 tokens)"]


def test_a_line_is_split_by_the_base_s_tokenizer(inspect):
    lines = inspect("--tokens", "fn f<'a>(x: &'a u8)").splitlines()
    assert lines[0].endswith("tokens, by the tokenizer of tiny")
    assert lines[2] == "fn| f|<'|a|>(|x|:| &'|a| u|8|)"
    assert lines[4].split()[:2] == ["lifetime", "'a"]
    assert lines[4].endswith("sensible: names stand apart")
    found = json.loads(inspect("--tokens", "x", "--json"))
    assert [token["text"] for token in found["tokens"]] == ["x"]


def test_a_base_whose_tokenizer_is_not_here_is_said_and_the_bundled_one_taken(inspect, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was asked"))
    shown = inspect("--tokens", "fn", base="nobody/nothing-3b")
    assert "1 tokens, by the tokenizer of the bundled base" in shown
    assert "the tokenizer of nobody/nothing-3b is not on this machine" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/nowhere/at/all"], "no such folder"),
        (["."], "not a git repository"),
        ([".", "elsewhere"], "unexpected elsewhere"),
        (["--samples=many"], "--samples many: give a number"),
        (["--samples"], "expected one argument"),
        (["--tokens=x", "."], "--tokens reads no repository"),
        (["--tokens=\udcff"], "--tokens is not text in UTF-8"),
        (["--config=nowhere"], "no config file 'nowhere'"),
        (["--config"], "no config file ''"),
        (["--data.max_comits=3"], "did you mean --data.max_commits?"),
        (["--data.held_out"], "data.held_out"),
        (["--jsn"], "did you mean --json"),
        (["--tokens=x", "--model.base=./none"], "no such folder"),
    ],
)
def test_wrong_arguments_are_refused_in_a_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["inspect", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("--data.batch_size=0", "data.batch_size is 0: give 1 or more"),
        ("--data.num_workers=-1", "data.num_workers is -1: give 0 or more"),
        ("--data.sequence_length=4097", "data.sequence_length 4097 is beyond the 4096 positions of base model tiny"),
        ("--name=a/b", "--name 'a/b' cannot name a folder"),
        ("--seed_everything=-1", "seed_everything is -1: give a number from 0"),
        ("--trainer.accumulate_grad_batches=0", "trainer.accumulate_grad_batches is 0: give 1 or more"),
        ("--trainer.max_epochs=-2", "trainer.max_epochs is -2: give 1 or more, or -1"),
        (
            "--trainer.limit_train_batches=2.5",
            "trainer.limit_train_batches is 2.5: give a number of batches",
        ),
        ("--early_stopping.monitor=loss", "early_stopping.monitor is loss, which no run logs"),
    ],
)
@pytest.mark.parametrize("command", ["inspect", "fit"])
def test_what_fit_refuses_is_no_command_to_go_on_with(rust_repository, tmp_path, capsys, command, setting, message):
    repository = [str(rust_repository)] if command == "inspect" else [f"--data.repo={rust_repository}"]
    assert main([command, *repository, "--config=tiny", f"--output={tmp_path}", setting]) == 2
    output, error = capsys.readouterr()
    assert (message in error, "next" in output) == (True, False)


def test_a_name_and_numbers_with_an_exponent_are_taken(inspect, rust_repository, tmp_path):
    (tmp_path / "own.yaml").write_text("early_stopping: {min_delta: 1e-3}\nmodel: {weight_decay: 1e-2}\n")
    command = inspect(rust_repository, "--name=ours", "--config=tiny", config=tmp_path / "own.yaml").splitlines()[-1]
    assert "codelm fit --name=ours" in command


def test_help_says_how(capsys):
    assert main(["inspect", "--help"]) == 0
    assert "codelm inspect ~/src/ripgrep --samples 3" in capsys.readouterr().out


def test_nothing_heavy_is_imported(rust_repository, tmp_path):
    code = "import sys; from codelm.cli.entry_point import main; main(sys.argv[1:]); print(*sys.modules)"
    arguments = ["inspect", str(rust_repository), "--config=tiny", f"--data.cache={tmp_path}", "--samples=1"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "lightning", "peft"} & set(done.stdout.splitlines()[-1].split())
