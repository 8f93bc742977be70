"""Numbers as people read them: few digits, a true minus, a dash for what was not measured."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

NOTHING = "\N{EN DASH}"
NBSP = "\N{NO-BREAK SPACE}"


def fixed(value: float | None, digits: int = 2) -> str:
    """Return a number with so many decimals.

    >>> fixed(1.234), fixed(1234567, 0), fixed(-0.001)
    ('1.23', '1,234,567', '0.00')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    # Adding 0 takes the sign from a zero.
    return f"{round(value, digits) + 0:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent(value: float | None) -> str:
    r"""Return a figure in percent: whole from 10 on, one decimal below.

    >>> percent(14.3), percent(3.14), percent(9.97), percent(0.0)
    ('14\xa0%', '3.1\xa0%', '10\xa0%', '0\xa0%')
    """
    shown = bare_percent(value)
    return shown if shown == NOTHING else f"{shown}{NBSP}%"


def bare_percent(value: float | None) -> str:
    """Return what `percent` does without the sign for percent.

    >>> bare_percent(11.26), bare_percent(4.0)
    ('11', '4')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    shown = fixed(value, 1).removesuffix(".0")
    return shown if abs(round(value, 1)) < 10 else fixed(value, 0)


def change(value: float | None) -> str:
    r"""Return a figure in percent with its sign, for what may go either way.

    >>> change(1.94), change(0.01)
    ('+1.9\xa0%', '0\xa0%')
    """
    rose = value is not None and math.isfinite(value) and round(value, 1) > 0
    return f"+{percent(value)}" if rose else percent(value)


def moved(base: float, tuned: float) -> str:
    r"""Return the change from base to tuned in percent.

    >>> moved(2.0, 2.1)
    '+5\xa0%'
    """
    return change(100 * (tuned / base - 1)) if base else NOTHING


def share(value: float | None) -> str:
    r"""Return a share of 0 to 1 in percent.

    >>> share(0.126)
    '13\xa0%'
    """
    return percent(None if value is None else 100 * value)


def counted(number: int, thing: str) -> str:
    """Return how many there are of a thing.

    >>> counted(1, "commit"), counted(2400, "byte")
    ('1 commit', '2,400 bytes')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def listed(things: Sequence[str]) -> str:
    """Return things as a sentence names them.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([*([", ".join(things[:-1])] if things[1:] else []), *things[-1:]])


def day(seconds: float) -> str:
    """Return the day of a time in seconds since 1970, in UTC; a dash where no calendar reaches.

    >>> day(1_700_000_000)
    '2023-11-14'
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return NOTHING
