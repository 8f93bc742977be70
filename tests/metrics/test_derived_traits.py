import pytest

from codelm.metrics.derived_traits import DERIVE_PROMPT, compare_derives, derive_sets

FILES = [
    "#[derive(Debug, Clone)] struct A;\n#[derive(Clone, Debug)] struct B;",
    "#[derive(Debug)] struct C;",
    "fn d() {}",
]


def test_sets_of_derived_traits_have_no_order():
    code = (
        "#[derive(Debug, Clone)] struct A; #[derive(Clone,\n  Debug,\n)] struct B; #[derive(Debug)] #[cfg(a)] enum C {}"
    )
    assert derive_sets(code) == {"Clone, Debug": 2, "Debug": 1}


def test_a_list_counts_though_its_item_was_cut_off_and_not_where_it_was_itself():
    assert derive_sets(f"{DERIVE_PROMPT}Debug)]\npub struct A {{\n    b: Vec<") == {"Debug": 1}
    assert not derive_sets(f"{DERIVE_PROMPT}Debug, Clone")


def test_the_repository_s_most_frequent_sets_come_in_percent_of_all_lists():
    found = compare_derives(
        FILES, [f"{DERIVE_PROMPT}Debug)]", f"{DERIVE_PROMPT}Copy)]"], [f"{DERIVE_PROMPT}Debug, Clone)]"]
    )
    assert found["counts"] == {"repository": 3, "base": 2, "tuned": 1}
    assert [row["derive"] for row in found["strip"]] == ["Clone, Debug", "Debug"]
    assert found["strip"][0] == pytest.approx(
        {"derive": "Clone, Debug", "repository": 200 / 3, "base": 0, "tuned": 100}, abs=1e-9
    )
    assert len(compare_derives(FILES, FILES, FILES, most=1)["strip"]) == 1


@pytest.mark.parametrize("empty", range(3))
def test_where_somebody_derives_nothing_there_is_nothing_to_compare(empty):
    assert compare_derives(*([] if place == empty else FILES for place in range(3))) is None
