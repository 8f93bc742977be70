from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from codelm.report.axis import Scale, spread_labels, ticks

values = st.floats(-1e4, 1e4, allow_nan=False).map(lambda value: round(value, 3))


@given(values, values)
def test_ticks_reach_over_both_ends_and_are_few(one, other):
    low, high = sorted((one, other))
    marks = ticks(low, high)
    assert marks[0] <= low + 1e-6
    assert marks[-1] >= high - 1e-6
    assert 2 <= len(marks) <= 8


@given(st.lists(st.floats(0, 100), min_size=1, max_size=5))
def test_labels_that_fit_keep_their_distance_and_stay_inside(wanted):
    places = sorted(spread_labels(wanted, 10, 0, 100))
    assert all(below - above >= 10 - 1e-9 for above, below in pairwise(places))
    assert places[0] >= -1e-9
    assert places[-1] <= 100 + 1e-9


@given(st.lists(st.floats(0, 100), min_size=2, max_size=5, unique=True))
def test_labels_keep_the_order_of_what_they_name(wanted):
    places = spread_labels(wanted, 10, 0, 100)
    order = range(len(wanted))
    assert sorted(order, key=wanted.__getitem__) == sorted(order, key=places.__getitem__)


def test_values_beyond_the_scale_stay_at_its_end():
    assert [Scale(0, 10, 0, 100)(value) for value in (-5, 0, 5, 10, 99)] == [0, 0, 50, 100, 100]
    assert Scale(1, 1, 0, 8)(1) == 4
