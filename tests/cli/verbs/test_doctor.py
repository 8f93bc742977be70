import json
from dataclasses import asdict

import pytest

from codelm.cli import main
from codelm.cli.diagnosis import Finding
from codelm.cli.verbs import doctor

FINE = Finding("git", "2.39.5")
ADVICE = Finding("extras", "export not installed", "pip install 'codelm[export]' for it")
FAULT = Finding("4 bits", "no kernel", "pip install -U bitsandbytes", needed=True)


@pytest.fixture
def findings(monkeypatch):
    def give(*found):
        monkeypatch.setattr(doctor, "diagnose", lambda cache, output: iter(found))

    return give


def test_findings_are_lines_with_what_to_do_below(findings, capsys):
    findings(FINE, ADVICE)
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "git       2.39.5",
        "extras    export not installed",
        "          -> pip install 'codelm[export]' for it",
    ]


def test_what_training_needs_and_has_not_fails(findings, capsys):
    findings(FINE, FAULT)
    assert main(["doctor"]) == 1
    read = capsys.readouterr()
    assert read.err == "codelm: error: codelm fit cannot run here: 4 bits; do what the lines with -> say\n"
    assert "4 bits    no kernel\n          -> pip install -U bitsandbytes\n" in read.out


def test_json_has_the_same(findings, capsys):
    findings(FINE, ADVICE)
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [asdict(FINE), asdict(ADVICE)]


def test_other_folders_can_be_given(monkeypatch, tmp_path, capsys):
    asked = []
    monkeypatch.setattr(doctor, "diagnose", lambda *folders: asked.extend(folders) or iter(()))
    assert main(["doctor", "--cache", str(tmp_path / "a"), "--output", str(tmp_path / "b")]) == 0
    assert asked == [tmp_path / "a", tmp_path / "b"]


def test_an_unknown_argument_is_refused(capsys):
    assert main(["doctor", "--jsn"]) == 2
    assert "did you mean --json" in capsys.readouterr().err
