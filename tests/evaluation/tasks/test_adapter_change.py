from contextlib import nullcontext

import pytest

from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.tasks.adapter_change import adapter_change
from codelm.evaluation.tasks.likelihood import likelihood
from codelm.evaluation.time_budget import TimeBudget
from codelm.history.samples.formats import Formats

MANY = 1_000_000


def test_beside_the_base_it_is_what_the_report_says_of_the_lines_that_count(data, evaluated):
    found = adapter_change(evaluated, data, MANY, TimeBudget(600), evaluated.as_base)
    reported = likelihood(evaluated, data, MANY, TimeBudget(600))
    lines = reported["new"]
    assert found == {
        "lines": "new",
        "commits": lines["commits"],
        "bytes": reported["bytes_new"],
        "before": lines["base"],
        "after": lines["tuned"],
        "change_percent": lines["change_percent"],
        "interval": lines["interval"],
    }


def test_where_no_line_is_new_all_that_were_added_count(data, evaluated, monkeypatch):
    text = "".join(change.text for change in data.test_changes())
    monkeypatch.setattr(type(data), "known_lines", frozenset(line.strip() for line in text.split("\n")))
    found = adapter_change(evaluated, data, MANY, TimeBudget(600), evaluated.as_base)
    assert found["lines"] == "added"
    assert found["bytes"] == likelihood(evaluated, data, MANY, TimeBudget(600))["bytes"]


def test_without_whole_files_nothing_is_called_new(make_data, rust_repository, evaluated):
    data = make_data(rust_repository, formats=Formats(whole_files=False))
    assert adapter_change(evaluated, data, MANY, TimeBudget(600), nullcontext)["lines"] == "added"


def test_a_model_that_did_not_change_made_no_difference(data, evaluated):
    found = adapter_change(evaluated, data, MANY, TimeBudget(600), nullcontext)
    assert (found["before"], found["change_percent"]) == (found["after"], 0.0)


def test_without_time_nothing_is_measured(data, evaluated):
    with pytest.raises(UnmeasuredError, match="time allowed for none of"):
        adapter_change(evaluated, data, MANY, TimeBudget(0), nullcontext)
