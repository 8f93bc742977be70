"""Which code configurations may name: what a stranger's file hides is never imported, wherever it hides."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from codelm.cli import main

LAMBDA = "lightning.pytorch.callbacks.LambdaCallback"

HIDING_PLACES = {
    "class_path": "trainer:\n  logger:\n    class_path: evil.C\n",
    "quoted": "trainer:\n  logger:\n    class_path: ' evil.C '\n",
    "bare text": "trainer:\n  logger: evil.C\n",
    "dotted key": "trainer.logger: evil.C\n",
    "list": "trainer:\n  callbacks: [evil.C]\n",
    "appended list": "trainer:\n  callbacks+: [{class_path: evil.C}]\n",
    "appended item": "trainer:\n  callbacks+: evil.C\n",
    "argument of an allowed class": (
        "trainer:\n  callbacks:\n  - class_path: lightning.pytorch.callbacks.StochasticWeightAveraging\n"
        "    init_args: {swa_lrs: 0.1, avg_fn: evil.f}\n"
    ),
    "YAML in text": "trainer:\n  logger: 'class_path: evil.C'\n",
    "whole part in text": "trainer: '{logger: evil.C}'\n",
    "config in text": "config: '{trainer: {logger: evil.C}}'\n",
    "alias": "x: &a evil.C\ntrainer:\n  logger: *a\n",
    "merge": "x: &a {logger: evil.C}\ntrainer:\n  <<: *a\n",
    "part file": "trainer: part.yaml\n",
    "config file": "config: whole.yaml\n",
    "file in a file": "config: outer.yaml\n",
    "subcommand": "fit:\n  trainer:\n    logger: evil.C\n",
    "JSON": '{"trainer": {"logger": {"class_path": "evil.C"}}}',
    "in model": "model:\n  anything: {class_path: evil.C}\n",
    "strategy": "trainer:\n  strategy: {class_path: evil.C}\n",
}


@pytest.fixture
def fit(tmp_path, monkeypatch, capfd):
    """Return a function that parses a configuration; return the status, the error and whether evil was imported."""
    folder = tmp_path / "here"
    folder.mkdir()
    (tmp_path / "evil.py").write_text(
        "from lightning.pytorch.loggers import CSVLogger as C\ndef f(*_): pass\n", "utf-8"
    )
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("sys.argv", ["codelm"])
    monkeypatch.delitem(sys.modules, "evil", raising=False)

    def parse(text, *switches):
        Path("config.yaml").write_text(text)
        status = main(["fit", "--config=config.yaml", "--print_config", *switches])
        return status, capfd.readouterr().err, sys.modules.pop("evil", None) is not None

    return parse


@pytest.mark.parametrize("text", HIDING_PLACES.values(), ids=HIDING_PLACES)
def test_a_stranger_s_code_is_imported_from_nowhere(fit, text):
    Path("part.yaml").write_text("logger: evil.C\n")
    Path("whole.yaml").write_text("trainer: {logger: evil.C}\n")
    Path("outer.yaml").write_text("config: whole.yaml\n")
    status, error, imported = fit(text)
    assert not imported
    assert status == 2
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "name", ["class_path", "bare text", "list", "appended list", "part file", "argument of an allowed class"]
)
def test_the_code_is_named_with_the_switch_that_allows_it(fit, name):
    Path("part.yaml").write_text("logger: evil.C\n")
    status, error, _ = fit(HIDING_PLACES[name])
    assert (status, "is code from outside codelm" in error, "--allow_code" in error) == (2, True, True)


def test_code_that_is_allowed_is_imported(fit):
    assert fit(HIDING_PLACES["class_path"], "--allow_code")[::2] == (0, True)


def test_what_the_user_types_is_the_users_will(fit):
    assert fit("name: x\n", "--trainer.logger=evil.C")[::2] == (0, True)


@pytest.mark.parametrize("path", ["codelm.callbacks.progress.sys.exit", "codelm.git.environment.os.system"])
def test_what_an_allowed_package_has_imported_is_not_allowed_by_it(fit, path):
    trainer = {"callbacks": [{"class_path": LAMBDA, "init_args": {"on_fit_start": path}}]}
    status, error, _ = fit(json.dumps({"trainer": trainer}))
    assert (status, "--allow_code" in error) == (2, True)


@pytest.mark.parametrize(
    "text",
    [
        "trainer:\n  callbacks:\n  - class_path: EarlyStopping\n    init_args: {monitor: val.loss}\n",
        "trainer:\n  logger: lightning.pytorch.loggers.CSVLogger\n",
        "trainer:\n  strategy: {class_path: lightning.pytorch.strategies.SingleDeviceStrategy}\n",
        "trainer:\n  callbacks: [{class_path: codelm.callbacks.Progress}]\n",
        "data:\n  repo: fd.git\n  revision: v1.2\n  cache: ~nobody/x\n",
        "behavior:\n  prompts: ['std.io', 'class_path: evil.C', '#[derive(']\n",
    ],
)
def test_ordinary_settings_pass(fit, text):
    if "CSVLogger" in text:
        text = "trainer:\n  logger: {class_path: lightning.pytorch.loggers.CSVLogger, init_args: {save_dir: out.d}}\n"
    status, error, imported = fit(text)
    assert (status, error, imported) == (0, "", False)


def test_a_part_with_a_double_key_is_refused(fit):
    Path("part.yaml").write_text("max_epochs: 2\nmax_epochs: 3\n")
    status, error, _ = fit("trainer: part.yaml\n")
    assert (status, error.count("\n")) == (2, 1)


def test_the_rules_end_with_the_command(fit):
    """Also a contract with jsonargparse, which has no public way to take a rule back."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--function", type=Callable)
    fit(HIDING_PLACES["class_path"])
    assert parser.parse_args(["--function=evil.f"]).function.__module__ == "evil"


def test_a_path_that_the_user_types_allows_no_code(fit):
    status, error, imported = fit(HIDING_PLACES["class_path"], "--trainer.default_root_dir=/tmp/evil.d")
    assert (status, imported, "--allow_code" in error) == (2, False, True)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("data: {filters: part.yaml}\n", "secrets: false\n"),
        ("data: {formats: part.yaml}\n", "fim_rate: 0.25\n"),
        ("model: {lora: part.yaml}\n", "r: 3\n"),
        ("evaluation: part.yaml\n", "limit: 3\n"),
        ("trainer: part.yaml\n", "max_epochs: 2\n"),
    ],
)
def test_a_part_of_a_configuration_may_lie_in_a_file_of_its_own(fit, text, part):
    Path("part.yaml").write_text(part)
    assert fit(text)[:2] == (0, "")


def test_the_configuration_of_a_run_before_the_check_by_rustc_was_taken_out_is_read(fit):
    assert fit("evaluation: {limit: 3, rustc: false}\n")[:2] == (0, "")
    assert fit("evaluation: {limit: 3, rustc: true}\n")[0] == 2
