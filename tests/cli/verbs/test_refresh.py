import json
import shutil
import sys
from types import SimpleNamespace

import pytest
import torch
import yaml
from safetensors.torch import load_file

from codelm.cli import main
from codelm.cli.quick_settings import quick_settings
from codelm.cli.verbs.refresh import _revision, _steps
from codelm.history.moved import Moved
from codelm.history.store import open_store
from tests.cli.short_runs import filled, manifest

SHORT = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4}, learning_rate: 1e-2}
data: {repo: REPOSITORY, cache: CACHE, sequence_length: 64, batch_size: 2, held_out: 0.3}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 1, accumulate_grad_batches: 1,
  limit_train_batches: 3, limit_val_batches: 2}
behavior: {prompts: []}
evaluation: {enabled: false, tokens: 2000}
"""


@pytest.fixture
def repository(make_repository, git):
    """Thirty commits, each of which adds a function; the branch stands at the twentieth."""
    functions = [f"/// Number {number}.\npub fn value_{number}() -> usize {{ {number} }}\n" for number in range(30)]
    commits = [{f"src/part_{number % 5}.rs": "\n".join(functions[: number + 1])} for number in range(30)]
    folder = make_repository(commits, name="numbers/.git", bare=True)
    git(folder, "branch", "all", "main")
    git(folder, "update-ref", "refs/heads/main", "all~10")
    return folder


@pytest.fixture
def go_to(git, repository):
    """Let the branch stand at a commit."""
    return lambda revision: git(repository, "update-ref", "refs/heads/main", revision)


@pytest.fixture
def here(tmp_path, monkeypatch, tiny_base, repository):
    """An empty current folder, with the configuration of a short run beside it."""
    (tmp_path / "short.yaml").write_text(filled(SHORT, BASE=tiny_base, REPOSITORY=repository, CACHE=tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "argv", ["codelm"])
    return tmp_path / "here"


@pytest.fixture
def trained(here):
    """The folder of a run on the first twenty commits."""
    assert main(["fit", "--config", str(here.parent / "short.yaml"), "--quiet"]) == 0
    return here / "runs/numbers/version_0"


@pytest.fixture
def refresh(capsys):
    """Run the command, and return its status and what it printed."""

    def run(*arguments, status=0):
        assert main(["refresh", *map(str, arguments)]) == status
        return capsys.readouterr()

    return run


@pytest.fixture
def saved(tuned_run, here, git, repository):
    """A run that has read the first twenty commits, and learned fourteen of them in fourteen steps.

    Return a function that changes settings and manifest, group by group.
    """
    folder = shutil.copytree(tuned_run[0], here / "runs/numbers/version_0")

    def change(settings, **content):
        for path, groups in ((folder / "config.yaml", settings), (folder / "MANIFEST.json", content)):
            known = yaml.safe_load(path.read_text())
            for name, each in groups.items():
                known[name] = known.get(name, {}) | each if isinstance(each, dict) else each
            path.write_text(json.dumps(known))

    shas = git(repository, "rev-list", "--reverse", "main").split()
    read = {"name": "numbers", "tip": shas[19], "base": None, "split": {"cut": shas[13]}}
    data, phases = {"repo": str(repository), "held_out": 0.3}, {"phase_1_scrape": {"repositories": [read]}}
    change({"data": data, "trainer": {"max_steps": 14}}, phase_results=phases)
    return change


@pytest.fixture
def begun(monkeypatch, refresh):
    """Refresh up to where the training would begin; return its settings, and what was said."""

    def run(*arguments):
        found = []
        monkeypatch.setattr("codelm.cli.lightning.run", lambda words, **_: found.append(quick_settings(words[1:])))
        said = refresh(*arguments)
        return found[0], said.err

    return run


def weights(folder):
    return load_file(folder / "adapter/adapter_model.safetensors")


def same(one, two):
    return all(torch.equal(weight, two[name]) for name, weight in one.items())


def sees(monkeypatch, **found):
    """Let the comparison of adapters find this."""
    measured = {"lines": "new", "commits": 3, "bytes": 9, "before": 2.0, "after": 2.0, "interval": None}
    monkeypatch.setattr("codelm.runs.finish.keep_better.adapter_change", lambda *_: measured | found)


def test_a_run_is_refreshed_and_refreshed_again(trained, refresh, go_to, here, monkeypatch, git, repository):
    before = {path.name: path.read_bytes() for path in trained.rglob("*") if path.is_file()}

    said = refresh("numbers")
    tip = git(repository, "rev-parse", "main")
    assert said.out == f"already up to date: numbers/version_0 has read numbers at {tip[:10]}\n"
    assert [path.name for path in trained.parent.iterdir()] == ["version_0"]

    go_to("all~4")
    sees(monkeypatch, change_percent=-5.0)
    said = refresh("numbers", "--data.refresh.replay", "0.5")
    # Of twenty commits six were held out, of twenty-six eight.
    assert (
        "refreshing numbers/version_0: 6 new commits since numbers at "
        f"{tip[:10]}; the training part gains 4, and 8 are held out, none of which its adapter has learned" in said.err
    )
    assert "kept           the new adapter: later commits became easier\n" in said.out
    first, second = manifest(here), manifest(here, version=1)
    [earlier] = second["refreshed_from"]
    assert earlier["run"] == "numbers/version_0"
    assert earlier["adapter_sha256"] == first["adapter"]["sha256"]["adapter_model.safetensors"]
    assert earlier["repositories"][0]["tip"] == tip
    cut = first["phase_results"]["phase_1_scrape"]["repositories"][0]["split"]["cut"]
    stores = map(open_store, (here.parent / "cache").iterdir())
    store = max(stores, key=lambda each: each.facts["scrape"]["repositories"][0]["non_merges"])
    learned = set(git(repository, "rev-list", cut).split())
    held_out = {store.commits[row["commit"]]["sha"] for row in store.samples[store.samples["split"] != 0]}
    assert held_out
    assert not held_out & learned
    assert {each["sha"] for each in store.commits if "learned" in each} == learned
    config = (here / "runs/numbers/version_1/config.yaml").read_text()
    assert f"- {cut}" in config
    assert f"adapter: {trained / 'adapter'}" in config
    assert "replay: 0.5" in config
    assert {path.name: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before

    go_to("all")
    sees(monkeypatch, change_percent=5.0)
    said = refresh()  # the newest run
    assert (
        "kept           the adapter of numbers/version_1: later commits became no easier by the new one\n" in said.out
    )
    third = manifest(here, version=2)
    assert [each["run"] for each in third["refreshed_from"]] == ["numbers/version_0", "numbers/version_1"]
    newest = here / "runs/numbers/version_2"
    assert same(weights(newest), weights(here / "runs/numbers/version_1"))
    assert (newest / "adapter-not-kept/adapter_model.safetensors").is_file()
    assert "already up to date: numbers/version_2" in refresh().out

    assert main(["compare", "numbers/version_0", "numbers/version_1", "numbers/version_2"]) == 0


def test_what_cannot_be_refreshed_is_said_in_a_line(trained, refresh, go_to, git, repository):
    tree = git(repository, "rev-parse", "all^{tree}")
    other = git(repository, "commit-tree", tree, "-p", "all~15", "-m", "Other")
    for revision, argument, says in [
        (
            "all~9",
            "--data.held_out=0.9",
            "no commit is left to learn of 1 new one since numbers/version_0, as 7 are held out",
        ),
        (other, "--quiet", "the history was rewritten, or this is another branch"),
        ("all", "--model.adapter=x", "codelm refresh finds --model.adapter by itself: leave it out"),
        ("all", "--model.lora.r=4", "has r, rslora, dora, targets"),
        ("all", "--data.repo=.", "not a git repository"),
        ("all", "--ckpt_path=last", "unexpected --ckpt_path"),
        ("all", "nothing", "no run 'nothing'"),
    ]:
        go_to(revision)
        said = refresh(argument, status=2)
        lines = [line for line in said.err.splitlines() if not line.startswith("refreshing ")]
        assert len(lines) == 1, lines
        assert says in lines[0]
        assert [path.name for path in trained.parent.iterdir()] == ["version_0"]
    (trained / "adapter").rename(trained / "elsewhere")
    assert "has no adapter to go on from" in refresh(status=2).err


def test_no_configuration_overrules_the_place_and_the_adapter(saved, begun, go_to, here):
    go_to("all")
    (here / "other.yaml").write_text("{output: other, name: other, model: {adapter: null}, trainer: {max_epochs: 7}}")
    found, _ = begun("numbers", "--config", here / "other.yaml")
    names = ("output", "name", "model.adapter")
    assert [found.others[name] for name in names] == ["runs", "numbers", "runs/numbers/version_0/adapter"]
    # Of thirty commits nine are held out: seven are new, and three are drawn again, at a step each.
    assert [found.others[f"trainer.{name}"] for name in ("max_epochs", "max_steps")] == [7, 10]


def test_a_run_that_did_not_come_to_its_end_is_refreshed_with_a_warning(saved, begun, refresh, go_to):
    go_to("all")
    goes_on = "codelm fit --config runs/numbers/version_0/config.yaml"
    saved({}, status="interrupted")
    said = begun()[1]
    assert "numbers/version_0 was interrupted: commits that it had not come to count as learned" in said
    assert f"{goes_on} ends it first" in said
    saved({}, adapter={"weights": "first"})  # a refresh that was stopped: its adapter has learned none of them
    assert "count as learned" not in begun()[1]
    go_to("all~10")
    assert f"; its status is interrupted: {goes_on} ends it\n" in refresh().out
    saved({}, status="running")
    assert f"numbers/version_0 has not ended: let it end, go on with {goes_on}" in refresh(status=2).err


def test_a_base_that_has_moved_is_given(saved, begun, refresh, go_to, here, roomy_base):
    go_to("all")
    changed = shutil.copytree(roomy_base, here / "changed")
    (changed / "config.json").write_text((changed / "config.json").read_text() + " ")
    saved({"model": {"base": str(changed)}})
    assert "has another config than when numbers/version_0 was trained on it" in (said := refresh(status=2).err)
    assert "give the folder of that one with --model.base" in said
    assert begun("--model.base", roomy_base)[0].others["model.base"] == str(roomy_base)


@pytest.mark.parametrize(
    ("own", "arguments", "steps"),
    [
        ({}, [], 20),
        ({"data.max_commits": 50}, ["--data.max_commits=50"], 40),
        ({}, ["--data.refresh.replay=0.65"], 40),
        ({"data.refresh.learned": ["c"], "data.refresh.replay": 0.5}, [], 10),
        ({"trainer.max_steps": -1}, ["--trainer.max_steps=-1"], None),
        ({}, ["--trainer.max_steps=70"], None),
    ],
    ids=str,
)
def test_a_refresh_has_as_many_steps_for_a_commit_as_its_run(own, arguments, steps):
    run = SimpleNamespace(settings={"trainer.max_steps": 100} | own)
    found = quick_settings(["--trainer.max_steps=100", "--data.refresh.replay=0.3", *arguments])
    moved = [Moved(["a"], trained=60, new=20, to_learn=10), Moved(["b"], trained=40, new=9, to_learn=4)]
    assert _steps(run, found, [], moved) == ([] if steps is None else [f"--trainer.max_steps={steps}"])
    assert _steps(run, found, ["--trainer.max_steps=100"], moved) == []


def test_a_range_is_read_from_where_it_began():
    run = SimpleNamespace(figure=lambda *_: [{"base": "b" * 40}])
    for given, read in (("main", f"{'b' * 40}..main"), ("v1..main", "v1..main")):
        assert _revision(run, quick_settings([f"--data.revision={given}"])) == read
    assert _revision(SimpleNamespace(figure=lambda *_: [{"base": None}]), quick_settings([])) == "HEAD"
