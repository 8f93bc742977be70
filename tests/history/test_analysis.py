import json

import pytest

from codelm.git.commits import File
from codelm.history.analysis import analyse, language

RUST = File("src/lib.rs", "1", "fn a() {}\n")
PYTHON = File("tools/a.py", "2", "x = 1\n")
CHANGELOG = File("CHANGELOG.md", "3", "words\n" * 100)


def test_languages_are_counted_by_files_and_bytes():
    files = [RUST, PYTHON, CHANGELOG, File("b.rs", "4", "é\n"), File("x.rs", "5", dropped="binary")]
    facts = analyse(files, 0, 0, [])
    assert facts["languages"]["Rust"] == {"files": 2, "bytes": 13, "share": round(13 / 619, 4)}
    assert list(facts["languages"]) == ["Markdown", "Rust", "Python"]
    assert (facts["files"], facts["bytes"]) == (4, 619)


@pytest.mark.parametrize(
    ("rust", "python", "share", "config"),
    [
        (71, 29, 0.71, "configs/rust.yaml"),
        (70, 30, 0.7, "configs/default.yaml"),
        (50, 49, 0.5051, "configs/default.yaml"),
        (1, 0, 1.0, "configs/rust.yaml"),
        (0, 0, 0.0, "configs/default.yaml"),
    ],
)
def test_rust_is_recommended_where_more_than_70_percent_of_the_code_are_rust(rust, python, share, config):
    files = [File("src/lib.rs", "1", "r" * rust), File("tools/a.py", "2", "p" * python), CHANGELOG]
    facts = analyse(files, 0, 0, [])
    assert (facts["rust_share_of_code"], facts["recommended_config"]) == (share, config)


def test_the_history_is_described_but_for_dates_that_no_calendar_has():
    facts = analyse([], 3, 1, [10**18, 0])
    assert json.loads(json.dumps(facts)) == facts
    assert facts["commits"] == 3
    assert facts["commits_read"] == {"count": 2, "authors": 1, "first_date": "1970-01-01T00:00:00+00:00"}


@pytest.mark.parametrize(("path", "name"), [("a.RS", "Rust"), ("go", "other"), ("a.b/c", "other"), (".h", "other")])
def test_only_the_extension_decides_the_language(path, name):
    assert language(path) == name
