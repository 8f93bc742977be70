"""Numbers as text for the report and the notes: few digits, a typographic minus, a dash for what was not measured."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

__all__ = [
    "MISSING",
    "NBSP",
    "bare_percent",
    "change",
    "counted",
    "date",
    "decimals",
    "format_change",
    "listed",
    "percent",
    "share",
]

MISSING = "\N{EN DASH}"
NBSP = "\N{NO-BREAK SPACE}"


def decimals(value: float | None, digits: int = 2) -> str:
    """Return a number with ``digits`` decimals and thousands separators.

    >>> decimals(1.234), decimals(1234567, 0), decimals(-0.001)
    ('1.23', '1,234,567', '0.00')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    # Adding 0 turns -0.0 into 0.0.
    return f"{round(value, digits) + 0:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent(value: float | None) -> str:
    r"""Return a number of percent with its unit: no decimals from 10 on, one below.

    >>> percent(14.3), percent(3.14), percent(9.97), percent(0.0)
    ('14\xa0%', '3.1\xa0%', '10\xa0%', '0\xa0%')
    """
    shown = bare_percent(value)
    return shown if shown == MISSING else f"{shown}{NBSP}%"


def bare_percent(value: float | None) -> str:
    """Return a number of percent as `percent` does, without the unit.

    >>> bare_percent(11.26), bare_percent(4.0)
    ('11', '4')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    shown = decimals(value, 1).removesuffix(".0")
    return shown if abs(round(value, 1)) < 10 else decimals(value, 0)


def change(value: float | None) -> str:
    r"""Return a change in percent with its sign.

    >>> change(1.94), change(0.01)
    ('+1.9\xa0%', '0\xa0%')
    """
    is_rise = value is not None and math.isfinite(value) and round(value, 1) > 0
    return f"+{percent(value)}" if is_rise else percent(value)


def format_change(base: float, tuned: float) -> str:
    r"""Return the relative change from base to tuned in percent.

    >>> format_change(2.0, 2.1)
    '+5\xa0%'
    """
    return change(100 * (tuned / base - 1)) if base else MISSING


def share(value: float | None) -> str:
    r"""Return a share, 0 to 1, in percent.

    >>> share(0.126)
    '13\xa0%'
    """
    return percent(None if value is None else 100 * value)


def counted(number: int, noun: str) -> str:
    """Return a count with its noun in the singular or plural.

    >>> counted(1, "commit"), counted(2400, "byte")
    ('1 commit', '2,400 bytes')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(items: Sequence[str]) -> str:
    """Return a list in words, the last two items joined by "and".

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([*([", ".join(items[:-1])] if items[1:] else []), *items[-1:]])


def date(seconds: float) -> str:
    """Return the date, in UTC, of a time in seconds since 1970; a dash for a time outside the calendar.

    >>> date(1_700_000_000)
    '2023-11-14'
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return MISSING
