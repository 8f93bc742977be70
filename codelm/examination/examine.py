"""The whole examination: part after part, in the order of what they tell, each within its share of the time."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codelm.errors import CodelmError, one_line
from codelm.evaluation.intervals import FEWEST
from codelm.evaluation.likelihood import main_comparison
from codelm.examination.deadline import Deadline
from codelm.examination.examinee import Examinee
from codelm.examination.general import general
from codelm.examination.hole_figures import hole_figures, record
from codelm.examination.holes import Asked, HoleExam
from codelm.examination.idioms import idioms
from codelm.examination.likelihood import likelihood
from codelm.examination.material import Material
from codelm.examination.memory import WINDOW, memory
from codelm.examination.rustc import ask_rustc

log = logging.getLogger(__name__)

NOTHING = {
    "likelihood": "nothing of the history is left to test on: raise data.held_out, or give a longer history",
    "holes": "no hole of the held-out commits could be asked about in time",
    "rustc": "rustc was asked about no hole: none is in Rust, or there was no time",
    "idioms": "idioms are told of Rust's functions alone: the repository holds none, or none was written in time",
    "memory": f"no {WINDOW} tokens in one piece were both learned and held out, or there was no time: "
    "what is recited is not known",
}
"""What is said where a part has nothing to ask."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is asked.

    Attributes:
        minutes: Time for all of it; what does not fit is asked less often.
        limit: Holes, functions and windows of each kind at most.
        tokens: Tokens of held-out samples at most.
        rustc: Whether rustc's parser is asked about files with filled holes.
    """

    minutes: float
    limit: int
    tokens: int
    rustc: bool = False


@dataclass(slots=True)
class Examination:
    """What came out: the figures, and each hole with its answers."""

    figures: dict[str, Any] = field(default_factory=dict)
    holes: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Part = Callable[[], dict[str, Any] | None]


def examine(examinee: Examinee, material: Material, limits: Limits, seed: int) -> Examination:
    """Return the figures of all parts; one that fails is None, with a note, and the others stand."""
    deadline = Deadline(60 * limits.minutes)
    found = Examination()
    parts: dict[str, Part] = {
        "likelihood": lambda: likelihood(examinee, material, limits.tokens, deadline.part(0.25)),
        "general": lambda: general(examinee, material.encoder, deadline.part(0.25)),
        "holes": lambda: holes(found, HoleExam(examinee, material, seed), limits, deadline.part(0.6)),
        "idioms": lambda: idioms(examinee, material, limits.limit, deadline.part(0.5), seed),
        "memory": lambda: memory(examinee, material, limits.limit, deadline.part(0.9), seed),
    }
    for name, part in parts.items():
        found.figures[name] = attempted(name, part, found)
    found.notes += shortcomings(found.figures, material)
    return found


def attempted(name: str, part: Part, found: Examination) -> dict[str, Any] | None:
    """Return a part's figures; if it fails, None and a note: a finished training must not be lost for a figure."""
    started = time.perf_counter()
    try:
        figures = part()
        found.notes += [NOTHING[name]] if figures is None else []
        return figures
    except CodelmError as error:
        found.notes.append(f"{name} was not measured: {error}")
    except Exception as error:  # whatever it is
        log.debug("examination", exc_info=True)
        found.notes.append(f"{name} was not measured: {one_line(error)}")
    finally:
        log.debug("%s took %.0f s", name, time.perf_counter() - started)
    return None


def holes(found: Examination, exam: HoleExam, limits: Limits, deadline: Deadline) -> dict[str, Any] | None:
    """Ask about holes; keep each answer, and say where time ended it."""
    chosen = exam.holes(limits.limit)
    asked: list[Asked] = exam.ask(chosen, deadline.part(0.9) if limits.rustc else deadline)
    if limits.rustc:
        attempted("rustc", lambda: ask_rustc(asked, deadline, found.notes), found)
    found.holes += [record(each) for each in asked]
    if len(asked) < len(chosen):
        found.notes.append(f"time allowed for {len(asked)} of {len(chosen)} holes: raise evaluation.minutes")
    if other := sorted({each.hole.language for each in asked} - {"rust", "python"}):
        found.notes.append(f"no grammar for {', '.join(other)}: the syntax of their holes was not measured")
    return hole_figures(asked) if asked else None


def shortcomings(figures: dict[str, Any], material: Material) -> list[str]:
    """Say in a sentence each what the figures cannot tell."""
    found = []
    compared = figures["likelihood"] and main_comparison(figures["likelihood"])
    if compared and compared["commits"] < FEWEST:
        lines = "new lines" if figures["likelihood"]["new"] else "added lines"
        found.append(
            f"{compared['commits']} held-out commits with {lines} are too few for an interval, which takes {FEWEST}: "
            "raise data.held_out, or give a longer history"
        )
    if not material.snapshot:
        found.append("no whole files are in the store (data.formats.whole_files): what is new to them is not known")
    return found
