from pathlib import Path

import pytest

from codelm.errors import InputError
from scripts.ablation.settings import overlaid, put, read


def test_a_configuration_that_is_not_there_is_told_in_a_line():
    with pytest.raises(InputError, match=r"nothing\.yaml cannot be read"):
        read([Path("nothing.yaml")])


def test_a_value_that_is_put_replaces_all_rules_at_once():
    rules = {"data": {"importance": {"file_rules": {"src/": 2.0}}}}
    put(rules, "data.importance.file_rules", {})
    assert rules == {"data": {"importance": {"file_rules": {}}}}


def test_an_overlay_leaves_what_it_does_not_name():
    under = {"data": {"formats": {"fim_rate": 0.5, "context_lines": 8}}}
    assert overlaid(under, {"data": {"formats": {"fim_rate": 0.0}}})["data"]["formats"]["context_lines"] == 8
    assert under["data"]["formats"]["fim_rate"] == 0.5
