"""Nothing of a history full of credentials and people is left anywhere, and without the filters much of it is."""

import json
import sys
from urllib.parse import quote

import pytest

from codelm.cli.entry_point import main
from experiments.torture.leaks import Search, contents
from experiments.torture.parts.secrets import (
    FILTERED,
    UNFILTERED,
    leaks,
    leave_data,
    leave_run,
    row,
)
from experiments.torture.planted import PEOPLE, planted_commits, planted_values

CONFIG = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4}, learning_rate: 1e-2}
data: {sequence_length: 128, batch_size: 2, held_out: 0.3}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 1, accumulate_grad_batches: 1, limit_train_batches: 3,
  limit_val_batches: 2, log_every_n_steps: 1}
behavior: {prompts: ["fn main"], max_new_tokens: 2}
evaluation: {limit: 1, minutes: 1, tokens: 500}
"""
ALL = planted_values()


@pytest.fixture
def left(make_repository, tiny_base, tmp_path, monkeypatch, capsys, few_texts):
    """Return what is found in each place of what a short run leaves, with some settings."""
    monkeypatch.setattr(sys, "argv", ["codelm"])

    def run(words, stdin):
        capsys.readouterr()
        status = main(list(words))
        printed = "\n".join(capsys.readouterr())
        assert status == 0, printed
        return printed

    def leave(settings, *leavers):
        repository, folder = make_repository(planted_commits(), name="planted"), tmp_path / "left"
        for each in leavers:
            each(folder, repository, settings, run, CONFIG.replace("BASE", str(tiny_base)))
        searches = leaks(folder, ALL, str(tiny_base))
        return {place: {each.what for each in search.found} for place, search in searches.items()}

    return leave


def test_a_hundred_credentials_are_planted_and_twenty_people():
    assert [sum(each.sort == sort for each in ALL) for sort in ("credential", "address", "name")] == [100, 20, 20]
    everything = Search(ALL)
    everything.search([str(planted_commits()).encode()])
    assert everything.found == set(ALL)


def test_nothing_that_was_planted_is_left_anywhere(left):
    assert {place: found for place, found in left(FILTERED, leave_run, leave_data).items() if found} == {}


def test_without_the_filters_the_same_search_finds_it(left):
    found = left(UNFILTERED, leave_data)
    assert {each.what for each in ALL} == found["the text of all tokens"]
    assert all(found[place] for place in ("the files of the cache", "datasets", "an inspection"))


@pytest.mark.slow  # as long as the first again
def test_without_the_filters_it_is_in_what_a_run_leaves(left):
    found = left(UNFILTERED, leave_run)
    assert all(found[place] for place in ("the files of the cache", "the report"))


def test_a_row_says_what_came_through_with_the_filters_and_without(tmp_path):
    clean, full = Search(ALL), Search(ALL)
    full.search([PEOPLE[0].address.encode() + b" " + PEOPLE[1].address.encode()])
    found = row("a place", clean, full)
    assert (found.tried, found.held, found.remark, found.failures) == (140, 140, "0 KB", ())
    assert (found.guard, found.tried_without, found.held_without) == ("data.filters.secrets and redact", 140, 138)
    assert (row("a place", full, full).tried, row("a place", full, full).held) == (140, 138)
    assert row("a place", full, full).failures == ("address 0 in a place", "address 1 in a place")
    assert "nothing came here either" in row("a place", clean, clean).remark


@pytest.mark.parametrize("form", ["plain", "utf-16-le", "base64", "gzip", "zip", "zlib", "name"])
def test_a_value_is_found_in_each_form(form, tmp_path):
    import base64
    import gzip
    import zipfile
    import zlib

    value = f"xy {PEOPLE[3].address} z".encode()
    file = tmp_path / (PEOPLE[3].address if form == "name" else "file")
    written = {
        "utf-16-le": value.decode().encode("utf-16-le"),
        "base64": b"src=" + base64.b64encode(value),
        "gzip": gzip.compress(value),
        "zlib": zlib.compress(value),
        "name": b"",
    }
    file.write_bytes(written.get(form, value))
    if form == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("inside", value)
    search = Search(ALL)
    search.search(contents([file], tmp_path))
    assert {each.what for each in search.found} == {"address 3"}


def test_a_value_is_found_in_a_url():
    search = Search(ALL)
    search.search([f"https://example.org/?who={quote(PEOPLE[3].name)}&x=1".encode()])
    assert {each.what for each in search.found} == {"name 3"}


def test_no_part_of_a_value_has_a_character_that_json_escapes():
    parts = {part for value in ALL for part in value.parts}
    assert all(json.dumps(part) == f'"{part}"' for part in parts)
