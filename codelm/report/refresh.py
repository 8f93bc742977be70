"""What further training made of an adapter, in words."""

from collections.abc import Mapping
from typing import Any

from codelm.metrics.number_format import counted

__all__ = ["refresh_texts"]


def refresh_texts(refresh: Mapping[str, Any], run: str | None) -> tuple[str, str]:
    """Return how two adapters compare on commits that came later, and which of them was kept and why.

    Args:
        refresh: The manifest's ``refresh``.
        run: The run of the adapter before; None where it is not known.
    """
    before = f"the adapter of {run}" if run else "the adapter before"
    if "unmeasured" in refresh:
        kept = "the new adapter" if refresh["kept"] == "new" else f"{before}, until the run has gone on to its end"
        return f"{before} was not compared with: {refresh['unmeasured']}", kept
    interval = refresh["interval"]
    sure = "too few for an interval" if interval is None else f"95 % interval {interval[0]:.1f} to {interval[1]:.1f}"
    bits = f"{refresh['before']:.3f} -> new {refresh['after']:.3f} bits per byte"
    of = f"{refresh['lines']} lines of {counted(refresh['commits'], 'later commit')}"
    measured = f"{before} {bits} ({refresh['change_percent']:+.1f} %, {sure}) over {of}"
    if refresh["kept"] == "old":
        return measured, f"{before}: later commits became no easier by the new one"
    unsure = "" if interval is None or interval[1] < 0 else ", though the interval allows for chance"
    return measured, f"the new adapter: later commits became easier{unsure}"
