"""The report of a run, report.html: one file that needs nothing but itself.

The page loads nothing from the network and runs no script, and its Content-Security-Policy forbids both to whatever
text of a model or a repository it shows. The HTML is in the templates page.html and macros.html.
"""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from codelm.metrics.likelihood import XZ_BASELINE_KEYS, main_kind
from codelm.metrics.number_format import counted, decimals
from codelm.report.by_commit import over_time
from codelm.report.examples import continuations, infill_texts, shorten
from codelm.report.figure_tables import cursor_table, infill_tables, likelihood_table
from codelm.report.headline import goals, headline, main_change
from codelm.report.idioms import idiom_places, idiom_summary, idiom_tables
from codelm.report.markup import escaped
from codelm.report.printable_text import brief
from codelm.report.side_effects import forgetting, memorization, secrets
from codelm.report.trade_off import trade_off

__all__ = ["page"]

_TEMPLATES = Environment(
    loader=PackageLoader("codelm.report", ""),
    autoescape=True,
    finalize=escaped,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.filters |= {"brief": brief, "fixed": decimals}
_FUNCTIONS = (
    *(over_time, trade_off, forgetting, memorization, secrets, infill_texts, continuations, shorten),
    *(idiom_places, idiom_summary, idiom_tables, likelihood_table, cursor_table, infill_tables),
)
"""What the templates call."""
_TEMPLATES.globals |= {function.__name__: function for function in _FUNCTIONS}
_SECTIONS = ("likelihood", "epochs", "general", "memory", "cursor", "holes", "prompts", "idioms", "notes")


def page(figures: Mapping[str, Any]) -> str:
    """Return report.html from the figures of an evaluation; of a section that is None it says so."""
    sections = {name: figures.get(name) for name in _SECTIONS}
    opening = {"headline": headline(figures), "lead": _lead(figures), "goals": goals(figures)}
    return _TEMPLATES.get_template("page.html").render(sections, **opening, run=figures["run"])


def _lead(figures: Mapping[str, Any]) -> str:
    """Return the paragraph below the headline: what was measured, base and tuned in bits per byte, and xz."""
    main, likelihood = main_change(figures), figures.get("likelihood")
    if main is None or likelihood is None:
        return "What could be measured follows; what could not, and why, stands at the end."
    kind = main_kind(likelihood)
    lines = "added lines that no file of the training snapshot holds" if kind == "new" else "all added lines"
    size = likelihood["bytes_new" if kind == "new" else "bytes"]
    of = _of_how_many(main["commits"], likelihood["read"], f"{kind} lines")
    return (
        f"Measured on {of} in the newest part, which it never saw: each byte "
        f"costs the base {decimals(main['base'])} bits and the tuned model {decimals(main['tuned'])} (counted: "
        f"{counted(size, 'byte')}, {lines}). Fewer bits, fewer surprises.{_beside_xz(likelihood)}"
    )


def _of_how_many(counting: int, read: Mapping[str, Any], lines: str) -> str:
    """Return how many commits have lines that count, of how many measured, of how many that there are."""
    measured, there = read["commits"], read["of"]
    if counting == measured:
        return f"{'' if measured == there else f'{measured:,} of '}{counted(there, 'commit')}"
    of = f"{there:,}" if measured == there else f"{measured:,} measured, of {there:,}"
    return f"{counted(counting, 'commit')} with {lines}, of {of}"


def _beside_xz(likelihood: Mapping[str, Any]) -> str:
    """Return the bits per byte of xz with the repository as context, for the same lines, beside the tuned model's."""
    kind = main_kind(likelihood)
    found = likelihood.get(XZ_BASELINE_KEYS[kind])
    xz, tuned = found and found["xz_given_snapshot"], likelihood[kind]["tuned"]
    if xz is None:
        return ""
    than = "as many as" if decimals(xz) == decimals(tuned) else "more than" if xz > tuned else "fewer than"
    return f" The compressor xz, knowing the repository, needs {decimals(xz)}: {than} the tuned model."
