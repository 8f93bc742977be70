import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelm.metrics.idiom_queries import profile
from codelm.metrics.idioms import (
    compare,
    contrast,
    distance,
    divergence,
    functions,
    gap_closed,
    largest_differences,
    sum_counts,
)

OURS = [
    f"fn read_{n}<'a, R: Read>(from: &'a mut R) -> CargoResult<u8> {{\n    let x = from.take()?;\n    Ok(x.get()?)\n}}"
    for n in range(60)
]
THEIRS = [
    f"fn read_{n}(from: File) -> u8 {{\n    println!();\n    match from.get() {{\n        x => x.unwrap(),\n    }}\n}}"
    for n in range(60)
]
LONG = "    let value = compute(value)?;\n" * 4
MIXED = [one for pair in zip(OURS, THEIRS, strict=True) for one in pair][:60]
COUNTS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 1000)).map(Counter)


def test_functions_come_in_their_order_without_those_inside_others():
    first, inner = f"fn first() {{\n{LONG}}}", f"fn inner() {{\n{LONG}}}"
    second = f"pub fn größe(&self) {{\n{inner}\n}}"
    code = f"fn a() {{}}\n{first}\nmod m {{ impl A {{ {second} }} }}\n"
    assert functions(code) == ["fn a() {}", first, second]


def test_trivial_and_huge_functions_do_not_count():
    trivial, huge = "fn a() { b.unwrap() }", f"fn huge() {{\n{LONG * 40}}}"
    plain = compare(OURS, OURS, OURS, OURS)
    assert compare(*([*OURS, trivial, huge] for _ in range(4))) == plain
    assert plain["functions"] == dict.fromkeys(("repository", "held_out", "base", "tuned"), 60)
    assert compare(OURS, OURS, OURS, [trivial] * 60) is None


@given(COUNTS, COUNTS)
def test_divergence_is_symmetric_and_between_nothing_and_a_bit(one, two):
    assert divergence(one, two) == pytest.approx(divergence(two, one))
    assert -1e-12 < divergence(one, two) < 1
    assert divergence(one, one) == pytest.approx(0)


def test_profiles_that_share_nothing_are_nearly_a_bit_apart():
    assert divergence(Counter(a=10_000), Counter(b=10_000)) > 0.99


def test_what_the_prompt_decides_does_not_count():
    assert divergence(Counter(fn=1000, pub_fn=500, test=100, a=1), Counter(a=1)) == 0
    assert largest_differences(["fn f() {}"], ["#[test] pub fn f() {}"], []) == []


def test_fewer_functions_are_farther_away_though_they_are_of_the_same_kind():
    whole, sample = sum_counts(map(profile, MIXED)), list(map(profile, MIXED))
    assert distance(sample, whole, 60) < distance(sample, whole, 25) < distance(sample, whole, 5)
    assert distance(sample, whole, 25) == distance(sample, whole, 25)


def test_a_larger_sample_gains_nothing_by_its_size():
    assert compare(MIXED, MIXED, MIXED, THEIRS)["distance"]["base"] == pytest.approx(0)
    assert compare(MIXED, MIXED[:26], MIXED, THEIRS)["distance"]["base"] > 1e-3


def test_the_gap_is_closed_wholly_by_real_code_widened_by_worse_and_unknown_where_there_is_none():
    assert gap_closed(0.2, 0.05, 0.05) == pytest.approx(1)
    assert gap_closed(0.2, 0.35, 0.05) == pytest.approx(-1)
    assert gap_closed(0.05, 0.02, 0.05) is None
    assert gap_closed(0.05, 0.02, None) is None


def test_the_largest_differences_come_first_and_equal_idioms_not_at_all():
    shown = largest_differences(OURS, THEIRS, MIXED)
    assert len(shown) == 8
    assert {"idiom": "?", "repository": 200.0, "base": 0.0, "tuned": 100.0} in shown
    assert {"idiom": "-> CargoResult", "repository": 100.0, "base": 0.0, "tuned": 50.0} in largest_differences(
        OURS, THEIRS, MIXED, most=30
    )
    assert largest_differences(OURS, OURS, THEIRS) == []
    assert len(largest_differences(OURS, THEIRS, MIXED, most=2)) == 2


def test_one_chance_hit_does_not_outrank_a_frequent_idiom():
    assert contrast(80, 100, 40, 100) > contrast(0, 100, 1, 3)


def test_the_repositorys_own_functions_close_the_gap_and_the_bases_do_not():
    own = compare(MIXED, MIXED[::-1], THEIRS, MIXED)
    none = compare(MIXED, MIXED[::-1], THEIRS, THEIRS)
    assert own["gap_closed"] == pytest.approx(1, abs=0.01)
    assert none["gap_closed"] == 0
    assert own["measures"]["trait_usage"] == pytest.approx({"repository": 100, "base": 0, "tuned": 100})
    assert own["measures"]["lifetime_complexity"] == {"repository": 0.5, "base": 0, "tuned": 0.5}
    assert own["measures"]["with_lifetime"] == {"repository": 0.5, "base": 0, "tuned": 0.5}
    assert own["measures"]["question_mark_share"] == pytest.approx({"repository": 2 / 3, "base": 0, "tuned": 2 / 3})
    assert json.loads(json.dumps(own, allow_nan=False)) == own


def test_too_few_real_functions_leave_no_gap_to_close():
    few_real = compare(MIXED, MIXED[:24], THEIRS, MIXED)
    assert few_real["functions"] == {"repository": 60, "held_out": 24, "base": 60, "tuned": 60}
    assert few_real["distance"]["real"] is few_real["gap_closed"] is None
    assert few_real["distance"]["tuned"] < few_real["distance"]["base"]


@pytest.mark.parametrize(("base", "tuned"), [(24, 60), (60, 24)])
def test_too_few_functions_of_a_model_are_counted_and_not_compared(base, tuned):
    found = compare(MIXED, MIXED, THEIRS[:base], MIXED[:tuned])
    assert found["functions"] == {"repository": 60, "held_out": 60, "base": base, "tuned": tuned}
    assert (found["distance"], found["gap_closed"], found["measures"], found["strip"]) == (None, None, {}, [])
    assert compare(MIXED, MIXED, THEIRS[:25], MIXED[:25])["strip"]


@pytest.mark.parametrize("empty", ["repository", "base", "tuned"])
def test_without_functions_there_is_nothing_to_compare(empty):
    given = {"repository": OURS, "held_out": OURS, "base": OURS, "tuned": OURS} | {empty: []}
    assert compare(**given) is None
