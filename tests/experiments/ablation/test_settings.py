from pathlib import Path

import pytest

from codelm.errors import InputError
from experiments.ablation.settings import merged, read_settings, set_value


def test_a_configuration_that_is_not_there_is_refused_in_a_line():
    with pytest.raises(InputError, match=r"nothing\.yaml cannot be read"):
        read_settings([Path("nothing.yaml")])


def test_a_value_that_is_set_replaces_all_rules_at_once():
    rules = {"data": {"importance": {"file_rules": {"src/": 2.0}}}}
    set_value(rules, "data.importance.file_rules", {})
    assert rules == {"data": {"importance": {"file_rules": {}}}}


def test_a_merge_leaves_what_it_does_not_name():
    under = {"data": {"formats": {"fim_rate": 0.5, "context_lines": 8}}}
    assert merged(under, {"data": {"formats": {"fim_rate": 0.0}}})["data"]["formats"]["context_lines"] == 8
    assert under["data"]["formats"]["fim_rate"] == 0.5


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"- a\n- b\n", "holds no settings; write them as name: value"),
        (b"model: tiny\n", "model is not a group of settings; write them below it"),
        (b"trainer: []\n", "trainer is not a group of settings"),
        ("model: {base: café}\n".encode("latin-1"), "cannot be read: UnicodeDecodeError"),
        (b"model: [\n", "cannot be read: ParserError"),
        (b"data: {revision: 2026-01-01}\n", "cannot be read: .* dates in quotes"),
        (b"1: 2\nmodel: {}\n", "cannot be read"),
    ],
)
def test_what_is_no_configuration_is_refused_in_a_line(content, why, tmp_path):
    (tmp_path / "given.yaml").write_bytes(content)
    with pytest.raises(InputError, match=rf"given\.yaml.* {why}") as caught:
        read_settings([tmp_path / "given.yaml"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "model:\ntrainer:\n"])
def test_a_group_without_settings_is_as_one_that_is_not_there(content, tmp_path):
    (tmp_path / "one.yaml").write_text("model: {base: tiny}\n")
    (tmp_path / "given.yaml").write_text(content)
    assert read_settings([tmp_path / "one.yaml", tmp_path / "given.yaml"]) == {"model": {"base": "tiny"}}


def test_a_setting_that_is_null_is_given(tmp_path):
    (tmp_path / "given.yaml").write_text("ckpt_path:\nmodel: {revision: }\n")
    assert read_settings([tmp_path / "given.yaml"]) == {"ckpt_path": None, "model": {"revision": None}}
