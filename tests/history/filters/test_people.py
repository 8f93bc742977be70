import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelm.git.commits import Change, Hunk
from codelm.history.filters.people import People, people_of

SIGNATURES = [(("Ann Li", "Bo Ek"), "Add a\n\nReviewed-by: Cy Fox <cy@corp.com>\n")]
BOTH = people_of(["emails", "names"], SIGNATURES)


def test_addresses_alone_are_replaced_by_default():
    assert People().of_text("Ann Li <ann@corp.com>")[0] == "Ann Li <name@example.com>"


@pytest.mark.parametrize("text", ["by Ann Li, Bo Ek", "Cy Fox <x@corp.com>", "Dan Roe <dan@corp.com>", "Acked-by: eve"])
def test_names_of_the_history_and_of_who_signs_are_replaced_by_choice(text):
    replaced, found = BOTH.of_text(text)
    assert not {"Ann", "Bo", "Cy", "Dan", "eve"} & set(replaced.replace(",", "").split())
    assert replaced.count("Jane Doe") == sum(each.kind == "name" for each in found)


def test_nothing_is_replaced_that_was_not_chosen():
    text = "Ann Li <ann@corp.com>"
    assert people_of([], SIGNATURES).of_text(text) == (text, [])
    assert people_of(["names"], SIGNATURES).of_text(text)[0] == "Jane Doe <ann@corp.com>"


def test_names_that_overlap_are_replaced_as_one():
    people = people_of(["names"], [(("Al Jo", "Jo Li"), "")])
    assert people.of_text("Al Jo Li came")[0] == "Jane Doe came"


def test_each_text_of_a_change_is_replaced_and_its_lines_stay():
    hunk = Hunk(1, 1, ("// old@corp.com\n",), ("// new@corp.com\n", "fn b() {}\n"))
    after = "// top@corp.com\n// new@corp.com\nfn b() {}\n"
    change, found = People().of_change(Change("a.rs", "a.rs", "M", "1", "2", after, (hunk,)))
    line = "// name@example.com\n"
    assert change.after == f"{line}{line}fn b() {{}}\n"
    assert change.hunks == (Hunk(1, 1, (line,), (line, "fn b() {}\n")),)
    assert len(found) == 3


PARTS = st.sampled_from(
    ["Ann Li", " <", ">", "a@corp.com", "@", "\n", "Bo Ek", "x", " ", "Reviewed-by: ", "é", "(none)"]
)


@given(st.lists(PARTS, max_size=12).map("".join))
def test_replacing_twice_is_replacing_once_and_each_line_stays(text):
    once, found = BOTH.of_text(text)
    assert BOTH.of_text(once)[0] == once
    assert once.count("\n") == text.count("\n")
    assert all(each.start < each.end for each in found)
