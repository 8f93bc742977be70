import pytest

from codelm.history.json_lines import JsonLines, json_line

RECORDS = [{"sha": f"{number}", "message": "a\nb\u2028\udcff" * number} for number in range(9)]


@pytest.fixture
def records(tmp_path, monkeypatch):
    monkeypatch.setattr("codelm.history.json_lines._BLOCK", 7)  # lines lie in several blocks
    file = tmp_path / "records.jsonl"
    file.write_bytes(b"".join(map(json_line, RECORDS)))
    return JsonLines(file)


def test_records_come_out_as_they_went_in(records):
    assert list(records) == RECORDS
    assert [records[0], records[-1], records[2:4]] == [RECORDS[0], RECORDS[-1], RECORDS[2:4]]
    assert len(records) == 9


def test_there_is_none_behind_the_last(records):
    with pytest.raises(IndexError):
        records[9]


def test_an_empty_file_has_none(tmp_path):
    (tmp_path / "records.jsonl").touch()
    assert list(JsonLines(tmp_path / "records.jsonl")) == []


def test_a_line_that_does_not_end_is_refused(tmp_path):
    (tmp_path / "records.jsonl").write_bytes(b'{"a": 1}\n{"a": 2')
    with pytest.raises(ValueError, match=r"records\.jsonl: its last line does not end"):
        JsonLines(tmp_path / "records.jsonl")
