"""Notes of the report: what was not measured, or rests on too little, each with the setting that would help."""

from collections.abc import Mapping, Sequence
from typing import Any

from codelm.errors import CodelmError
from codelm.metrics.idioms import ENOUGH_FUNCTIONS, MIN_FUNCTIONS, sample_sizes, too_few_functions
from codelm.metrics.intervals import MIN_CLUSTERS as COMMITS
from codelm.metrics.likelihood import main_comparison, main_kind
from codelm.metrics.number_format import counted, listed
from codelm.metrics.syntax.trees import GRAMMARS

__all__ = ["UnmeasuredError", "evaluation_notes", "infilling_notes"]

_TIME = "raise evaluation.minutes"


class UnmeasuredError(CodelmError):
    """A task had nothing to measure, or no time to; the message becomes a note of the report."""


def evaluation_notes(figures: Mapping[str, Any], *, snapshot: bool) -> list[str]:
    """Return notes on what was measured less often than wanted, and on what is too little for a comparison.

    A task that failed has None for its figures, and a note already; ``snapshot`` tells whether whole files are known.
    """
    writers = {
        "likelihood": _likelihood_notes,
        "general": _forgetting_notes,
        "cursor": _cursor_notes,
        "idioms": _idiom_notes,
        "memory": _memorization_notes,
    }
    notes = [note for name, write in writers.items() if figures[name] for note in write(figures[name])]
    if not snapshot:
        notes.append("no whole files are in the store (data.formats.whole_files): what is new to them is not known")
    return notes


def _likelihood_notes(likelihood: Mapping[str, Any]) -> list[str]:
    """Return notes on held-out commits that were left out, and on too few of them for an interval."""
    notes, read, compared = [], likelihood["read"], main_comparison(likelihood)
    limit = read["left_out_by"]
    if likelihood["floors_left_out"]:
        notes.append(f"no time was left to compress the added lines: {_TIME}")
    if limit:
        some = f"{read['commits']:,} of {counted(read['of'], 'held-out commit')}"
        notes.append(f"{limit} allowed to measure {some}: raise it")
    if compared and compared["commits"] < COMMITS:
        lines = f"{main_kind(likelihood)} lines"
        are = "is" if compared["commits"] == 1 else "are"
        few = f"{counted(compared['commits'], 'held-out commit')} with {lines} {are} too few for an interval"
        remedy = limit if limit and read["of"] >= COMMITS else "data.held_out, or give a longer history"
        notes.append(f"{few}, which takes {COMMITS}: raise {remedy}")
    return notes


def _forgetting_notes(general: Mapping[str, Any]) -> list[str]:
    """Return a note on the files for which no time was left."""
    short = [
        f"{files['read']} of {counted(files['of'], 'file')} of the {name}"
        for name, files in general["files"].items()
        if files["read"] < files["of"]
    ]
    return [f"time allowed to read {listed(short)}: {_TIME}"] if short else []


def _cursor_notes(cursor: Mapping[str, Any]) -> list[str]:
    """Return a note on the cursor tasks for which no time was left."""
    asked = cursor["asked"]
    short = f"time allowed for {asked['tasks']} of {counted(asked['of'], 'cursor task')}: {_TIME}"
    return [short] if asked["tasks"] < asked["of"] else []


def infilling_notes(languages: Sequence[str], chosen: int, modes: Sequence[str]) -> list[str]:
    """Return notes on infill tasks for which no time was left, and on what could not be measured of the others.

    Of ``chosen`` tasks, those of these ``languages`` were answered, in the modes "infill" or "left_to_right".
    """
    notes = []
    if "infill" not in modes:
        notes.append("gaps were not filled: the format of the samples has no holes (data.formats.fim_format)")
    if len(languages) < chosen:
        notes.append(f"time allowed for {len(languages)} of {counted(chosen, 'hole')}: {_TIME}")
    if other := sorted(set(languages) - set(GRAMMARS)):
        notes.append(f"the syntax of holes in {listed(other)} was not measured, which takes Rust or Python")
    return notes


def _idiom_notes(idioms: Mapping[str, Any]) -> list[str]:
    """Return notes on too few functions for a comparison, and on lists of traits for which no time was left."""
    asked, notes = idioms["asked"], []
    fewest = min(idioms["functions"]["base"], idioms["functions"]["tuned"])
    if fewest < ENOUGH_FUNCTIONS:
        cut_short = asked["functions"] < asked["of"]
        remedies = {
            "evaluation.limit": asked["of"] < ENOUGH_FUNCTIONS or not cut_short,
            "evaluation.minutes": cut_short,
        }
        sizes = sample_sizes(idioms["functions"])
        few = f"the idioms are those of {sizes}, where {ENOUGH_FUNCTIONS} tell repositories apart"
        problem = few if fewest >= MIN_FUNCTIONS else too_few_functions(idioms["functions"])
        notes.append(f"{problem}: raise {listed([name for name, helps in remedies.items() if helps])}")
    if asked["derives"] < asked["derives_of"]:
        notes.append(
            f"time allowed for {asked['derives']} of {counted(asked['derives_of'], 'list')} of traits: {_TIME}"
        )
    return notes


def _memorization_notes(memory: Mapping[str, Any]) -> list[str]:
    """Return a note on the windows and secrets for which no time was left."""
    tried = memory["windows"] | {"secrets": memory["secrets"]["tried"]}
    names = {"train": "windows learned", "held_out": "windows never seen", "secrets": "strings that look like secrets"}
    short = [
        f"{tried[kind]:,} of {wanted:,} {names[kind]}"
        for kind, wanted in memory["wanted"].items()
        if tried[kind] < wanted
    ]
    return [f"time allowed for {listed(short)}: {_TIME}"] if short else []
