import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[2] / "scripts/audit.py"
SAFE = {"name": "click", "version": "8.5.1", "vulns": []}
SKIPPED = {"name": "own", "skip_reason": "Dependency not found on PyPI and could not be audited: own (1.0)"}
FOUND = {
    "name": "jinja2",
    "version": "3.1.5",
    "vulns": [{"id": "PYSEC-2025-1", "fix_versions": ["3.1.6"], "aliases": ["CVE-2025-27516"]}],
}


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", AUDIT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(*packages):
    return json.dumps({"dependencies": packages, "fixes": []})


def test_an_audit_that_knew_no_package_did_not_run(audit):
    with pytest.raises(audit.NotRunError, match="does not tell vulnerabilities"):
        audit.read_report(report(SKIPPED), "No known vulnerabilities found")


def test_an_audit_without_an_answer_did_not_run(audit):
    with pytest.raises(audit.NotRunError, match="no route"):
        audit.read_report("", "Traceback\nrequests.exceptions.ConnectionError: no route\n")


def test_an_audit_that_failed_for_another_reason_has_failed(audit):
    with pytest.raises(ValueError, match="requirement click has no hash"):
        audit.read_report("", "ERROR: requirement click has no hash\n")


def test_what_went_wrong_is_said_in_a_line(audit, monkeypatch, capsys):
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: requirement click has no hash\n")
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: failed)
    assert audit.main() == 1
    assert capsys.readouterr() == ("", "scripts/audit.py: ERROR: requirement click has no hash\n")


def test_each_vulnerability_and_each_package_that_was_passed_over_is_told(audit):
    packages = audit.read_report(report(SAFE, SKIPPED, FOUND), "")
    assert list(audit.complaints(packages, {})) == [
        f"own was not audited: {SKIPPED['skip_reason']}",
        "jinja2 3.1.5: CVE-2025-27516 PYSEC-2025-1, mended in 3.1.6",
    ]


@pytest.mark.parametrize("name", ["PYSEC-2025-1", "CVE-2025-27516"])
def test_a_vulnerability_is_accepted_under_each_of_its_names(audit, name):
    assert list(audit.complaints([SAFE, FOUND], {name: "templates are our own"})) == []


def test_an_exception_outlives_its_vulnerability_no_longer(audit):
    assert list(audit.complaints([SAFE], {"CVE-1": "harmless"})) == [
        "CVE-1 is accepted, and nothing that is installed has it: take it out"
    ]


def test_exceptions_have_reasons(audit):
    assert audit.read_accepted("# a comment\n\nCVE-1  never called\n") == {"CVE-1": "never called"}
    with pytest.raises(ValueError, match="CVE-2 is accepted without a reason"):
        audit.read_accepted("CVE-1  never called\nCVE-2\n")
    audit.read_accepted((AUDIT.parents[1] / "requirements/accepted-vulnerabilities.txt").read_text("utf-8"))


def test_without_a_network_the_check_says_that_it_was_not_run(tmp_path):
    pytest.importorskip("pip_audit")
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, AUDIT], capture_output=True, text=True, env=nowhere, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("not run: the check for known vulnerabilities: ")
    assert done.stdout.count("\n") == 1
