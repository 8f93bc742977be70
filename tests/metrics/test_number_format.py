import math

import pytest

from codelm.metrics.number_format import change, counted, date, decimals, percent, share

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


@pytest.mark.parametrize("show", [decimals, percent, change, share])
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_was_not_measured_is_a_dash(show, value):
    assert show(value) == DASH


def test_a_minus_is_a_minus():
    assert decimals(-1.234) == f"{MINUS}1.23"
    assert change(-16.0) == f"{MINUS}16\xa0%"


@pytest.mark.parametrize("value", [-0.04, 0.0, 0.04])
def test_what_rounds_to_zero_has_no_sign(value):
    assert change(value) == "0\xa0%"


@pytest.mark.parametrize("seconds", [1e30, -1e30])
def test_a_time_outside_all_calendars_is_a_dash(seconds):
    assert date(seconds) == DASH


def test_one_is_singular():
    assert counted(1, "hole") == "1 hole"
