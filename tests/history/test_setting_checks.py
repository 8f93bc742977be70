"""Settings of the data that count for nothing."""

import pytest

from codelm.history.samples.formats import Formats
from codelm.history.setting_checks import unused_cursor_rate
from codelm.special_tokens import FORMATS, LEFT_TO_RIGHT

WITH_HOLES = FORMATS["starcoder2"]


@pytest.mark.parametrize(
    ("formats", "chosen", "why"),
    [
        (Formats(cursor_rate=0.8), LEFT_TO_RIGHT, "format left-to-right has no holes"),
        (Formats(cursor_rate=1.0, fim_rate=0.0), WITH_HOLES, "data.formats.fim_rate 0 makes no holes"),
    ],
)
def test_a_cursor_rate_has_no_effect_where_there_are_no_holes(formats, chosen, why):
    expected = f"data.formats.cursor_rate {formats.cursor_rate:g} has no effect: {why}"
    assert unused_cursor_rate(formats, chosen) == expected


@pytest.mark.parametrize(
    ("formats", "chosen"),
    [
        (Formats(cursor_rate=0.8), WITH_HOLES),
        (Formats(), LEFT_TO_RIGHT),
        (Formats(cursor_rate=0.0), LEFT_TO_RIGHT),
    ],
    ids=["holes", "default", "none wanted"],
)
def test_nothing_is_said_of_a_cursor_rate_that_counts_or_that_nobody_set(formats, chosen):
    assert unused_cursor_rate(formats, chosen) is None
