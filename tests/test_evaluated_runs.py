"""What a run's evaluation leaves behind, from one command: a report, its figures, and what the manifest tells."""

import json
import signal
import sys

import pytest

from codelm.cli import main
from codelm.runs import figures
from tests.cli.short_runs import files, filled

SHORT = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4}, learning_rate: 1e-2}
data: {repo: REPOSITORY, cache: CACHE, sequence_length: 128, batch_size: 2, held_out: 0.3, context_weight: 0.0}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 2, accumulate_grad_batches: 1, limit_train_batches: 3,
  limit_val_batches: 2, log_every_n_steps: 1}
behavior: {prompts: ["fn main"], max_new_tokens: 2}
evaluation: {limit: 2, minutes: 2}
"""


pytestmark = pytest.mark.usefixtures("few_texts")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "argv", ["codelm"])
    return tmp_path / "here"


@pytest.fixture
def evaluated(folder, tmp_path, tiny_base, rust_repository, capsys):
    """Train on a history with an evaluation at the end; return the run's folder, and what was said and complained."""

    def run(*arguments, repository=rust_repository):
        text = filled(SHORT, BASE=tiny_base, REPOSITORY=repository, CACHE=tmp_path / "cache")
        (tmp_path / "short.yaml").write_text(text)
        status = main(["fit", "--config", str(tmp_path / "short.yaml"), "--name=evaluated", *arguments])
        said = capsys.readouterr()
        assert status == 0, said.err
        return folder / "runs/evaluated/version_0", said

    return run


def read(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_a_run_ends_with_a_report_and_the_manifest_tells_of_it(evaluated, git, rust_repository):
    run, _ = evaluated()
    page = (run / "report.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    figures, told = read(run, "evaluation/figures.json"), read(run, "MANIFEST.json")["evaluation"]
    rows = [json.loads(line) for line in (run / "evaluation/holes.jsonl").read_text().splitlines()]
    assert len(rows) == told["holes"]["tasks"] == 2
    assert told["likelihood"]["commits"] == len(figures["likelihood"]["by_commit"]) == 6
    for key in ("added", "new"):
        section = told["likelihood"][key]
        assert section["base"] > 0
        assert section["tuned"] > 0
        assert section["interval"] is None  # of so few commits
    assert told["general"]["forgetting_percent"] == figures["general"]["forgetting_percent"]
    assert "memory" in told
    assert told["run"]["cuts"] == [git(rust_repository, "rev-parse", "HEAD~12")]
    assert told["run"]["test_cuts"] == [git(rust_repository, "rev-parse", "HEAD~6")]
    assert [each["epoch"] for each in figures["epochs"]] == [0, 1, 2]
    assert [each["prompt"] for each in figures["prompts"]] == ["fn main"]
    assert not list(run.rglob("*.tmp"))


def test_who_trains_is_told_what_the_evaluation_found(evaluated):
    said = evaluated()[1].out
    assert "bits per byte" in said
    assert "6 held-out commits with new lines are too few for an interval" in said
    assert "report.html" in said


def test_rows_shorter_than_a_window_say_that_nothing_could_be_recited(evaluated):
    run, said = evaluated("--data.sequence_length=64")
    assert read(run, "MANIFEST.json")["evaluation"]["memory"] is None
    assert "what is recited is not known" in said.out


def test_the_gap_of_extraction_stands_in_the_manifest(evaluated, make_repository):
    body = "".join(f"    let part_{line} = value * {line * 977};\n" for line in range(6))
    commits = [{f"src/f{n}.rs": f"pub fn f_{n}(value: u64) {{\n{body.replace('part', f'p{n}')}}}\n"} for n in range(20)]
    repository = make_repository(commits, name="long")
    run, _ = evaluated("--data.formats.fim_rate=0", repository=repository)
    told = read(run, "MANIFEST.json")["evaluation"]["memory"]
    assert told["extraction_gap"] == {"base": 0.0, "tuned": 0.0}
    assert told["gap_from_training"] == 0.0
    assert told["windows"]["train"] == 2


def test_testing_a_checkpoint_writes_the_report_again_and_says_what_it_found(evaluated, capsys):
    run, _ = evaluated()
    fitted = read(run, "evaluation/figures.json")
    (run / "report.html").unlink()
    (run / "evaluation/holes.jsonl").unlink()
    before = files(run)
    capsys.readouterr()
    assert main(["test", "--config", str(run / "config.yaml"), "--ckpt_path", "best"]) == 0
    said = capsys.readouterr().out
    assert "bits per byte" in said
    assert str(run / "report.html") in said
    kept = {"evaluation-1", "evaluation-1/figures.json"}
    assert files(run) == before | kept | {"report.html", "evaluation/holes.jsonl"}
    assert read(run, "evaluation-1/figures.json") == fitted
    figures = read(run, "evaluation/figures.json")
    assert figures["likelihood"]["new"] == pytest.approx(fitted["likelihood"]["new"])
    assert figures["general"]["forgetting_percent"] == pytest.approx(fitted["general"]["forgetting_percent"])
    assert figures["epochs"] == fitted["epochs"]
    assert figures["prompts"] == fitted["prompts"] != []


def test_a_run_that_is_stopped_behind_its_evaluation_has_one_when_it_goes_on(evaluated, folder, monkeypatch):
    write = figures.write_report

    def write_and_stop(*given):
        write(*given)
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr("codelm.runs.evaluation.write_report", write_and_stop)
        with pytest.raises(AssertionError, match="makes the report"):
            evaluated()
    run = folder / "runs/evaluated/version_0"
    stopped = read(run, "evaluation/figures.json")
    config = str(run / "config.yaml")
    assert main(["fit", "--config", config, "--ckpt_path", "last"]) == 0
    assert not list(run.glob("evaluation-*"))
    assert read(run, "evaluation/figures.json")["likelihood"] == stopped["likelihood"]
    assert read(run, "MANIFEST.json")["status"] == "completed"


def test_testing_on_another_repository_measures_the_loss_and_leaves_the_run_alone(evaluated, make_repository, capsys):
    run, _ = evaluated("--evaluation.enabled=false")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    lines = [f"pub fn odd_{number}() -> u64 {{\n    {number * 977}\n}}\n" for number in range(20)]
    other = make_repository([{"src/o.rs": "\n".join(lines[: number + 1])} for number in range(20)], name="other")
    given = ["--config", str(run / "config.yaml"), "--data.repo", str(other), "--data.revision", "HEAD"]
    assert main(["test", *given, "--evaluation.enabled=true", "--ckpt_path", "best"]) == 0
    said = capsys.readouterr()
    assert "test/loss" in said.out
    assert "no report, the test loss alone: the run learned from numbers cut at" in said.err
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_quiet_is_quiet_about_an_evaluation_too(evaluated):
    run, said = evaluated("--quiet")
    assert (said.out, said.err) == ("", "")
    assert (run / "report.html").is_file()


def test_several_repositories_are_one_report(evaluated, make_repository, rust_repository):
    words = [f"tree_{number}" for number in range(20)]
    other = [
        {"trees.py": "".join(f"def {word}():\n    return '{word}'\n\n\n" for word in words[:n])} for n in range(1, 21)
    ]
    other = make_repository(other, name="trees")
    run, _ = evaluated(repository=f"[{rust_repository},{other}]")
    figures = read(run, "evaluation/figures.json")
    assert figures["run"]["repositories"] == ["numbers", "trees"]
    assert figures["likelihood"]["commits"] > 6


def test_a_name_that_is_no_text_does_not_stop_the_report(evaluated, make_repository):
    lines = [f"pub fn odd_{number}() -> u64 {{\n    {number * 977}\n}}\n" for number in range(20)]
    commits = [{b"src/\xff<b>.rs": "\n".join(lines[: number + 1])} for number in range(20)]
    run, said = evaluated(repository=make_repository(commits, name="odd"))
    assert "evaluation failed" not in said.err
    assert "<b>" not in (run / "report.html").read_text(encoding="utf-8")


def test_another_language_is_evaluated_without_its_syntax(evaluated, make_repository):
    commits = [
        {"main.go": "package main\n" + "".join(f"func f{n}() int {{ return {n * 71} }}\n" for n in range(m))}
        for m in range(20)
    ]
    run, _ = evaluated(repository=make_repository(commits, name="gopher"))
    figures = read(run, "evaluation/figures.json")
    assert "the syntax of holes in go was not measured, which takes Rust or Python" in figures["notes"]
    assert figures["idioms"] is None
    assert figures["holes"]["infill"]["tuned"]["valid"] is None


def test_the_shortest_history_that_trains_is_reported_as_far_as_it_goes(evaluated, make_repository):
    line = "    let only = value * 977;\n"
    commits = [
        {f"src/f{n}.rs": f"pub fn only_{n}(value: u64) -> u64 {{\n{line}    only + {n}\n}}\n"} for n in range(10)
    ]
    run, _ = evaluated(repository=make_repository(commits, name="short"))
    figures = read(run, "evaluation/figures.json")
    assert any("give a longer history" in note for note in figures["notes"])
    assert figures["general"]["tuned"] > 0
