"""The whole examination: part after part, in the order of what they tell, each within its share of the time."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from codelm.errors import CodelmError, one_line
from codelm.evaluation.idioms import FEWEST as FUNCTIONS
from codelm.evaluation.idioms import too_few
from codelm.evaluation.intervals import FEWEST
from codelm.evaluation.likelihood import main_comparison, main_kind
from codelm.evaluation.quantities import counted
from codelm.examination.deadline import Deadline
from codelm.examination.examinee import Examinee
from codelm.examination.general import general
from codelm.examination.hole_figures import hole_figures, record
from codelm.examination.holes import Asked, HoleExam
from codelm.examination.idioms import idioms
from codelm.examination.likelihood import likelihood
from codelm.examination.material import Material
from codelm.examination.memory import memory
from codelm.examination.rustc import ask_rustc
from codelm.examination.unmeasured import UnmeasuredError

log = logging.getLogger(__name__)

RUSTC = 0.1
"""The share of the time for holes that is rustc's, where it is asked, however long the models' answers take."""


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


Part = Callable[[], dict[str, Any]]


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
        return part()
    except UnmeasuredError as reason:
        found.notes.append(str(reason))
    except CodelmError as error:
        found.notes.append(f"{name} was not measured: {error}")
    except Exception as error:  # whatever it is
        log.debug("examination", exc_info=True)
        found.notes.append(f"{name} was not measured: {one_line(error)}")
    finally:
        log.debug("%s took %.0f s", name, time.perf_counter() - started)
    return None


def holes(found: Examination, exam: HoleExam, limits: Limits, deadline: Deadline) -> dict[str, Any]:
    """Ask about holes; keep each answer, and say where time ended it.

    Raises:
        UnmeasuredError: There was none to ask about, or no time to.
    """
    chosen = exam.holes(limits.limit)
    if not chosen:
        raise UnmeasuredError("no held-out line makes a hole to fill: raise data.held_out, or give a longer history")
    kept = RUSTC * deadline.left if limits.rustc else 0.0
    asked: list[Asked] = exam.ask(chosen, Deadline(deadline.left - kept))
    if not asked:
        raise UnmeasuredError(f"time allowed for none of {counted(len(chosen), 'hole')}: raise evaluation.minutes")
    if limits.rustc:
        attempted("rustc", lambda: ask_rustc(asked, Deadline(max(kept, deadline.left)), found.notes), found)
    found.holes += [record(each) for each in asked]
    if len(asked) < len(chosen):
        some = f"{len(asked)} of {counted(len(chosen), 'hole')}"
        found.notes.append(f"time allowed for {some}: raise evaluation.minutes")
    if other := sorted({each.hole.language for each in asked} - {"rust", "python"}):
        found.notes.append(f"the syntax of holes in {', '.join(other)} was not measured, which takes Rust or Python")
    return hole_figures(asked)


def shortcomings(figures: dict[str, Any], material: Material) -> list[str]:
    """Say in a sentence each what the figures cannot tell."""
    found = of_commits(figures["likelihood"]) if figures["likelihood"] else []
    found += of_idioms(figures["idioms"]) if figures["idioms"] else []
    if not material.snapshot:
        found.append("no whole files are in the store (data.formats.whole_files): what is new to them is not known")
    return found


def of_commits(likelihood: Mapping[str, Any]) -> list[str]:
    """Say how many held-out commits were left out, and whether the rest are too few, each with what would help."""
    found, read, compared = [], likelihood["read"], main_comparison(likelihood)
    short = read["left_out_by"]
    if short:
        some = f"{read['commits']:,} of {counted(read['of'], 'held-out commit')}"
        found.append(f"{short} allowed to measure {some}: raise it")
    if compared and compared["commits"] < FEWEST:
        lines = f"{main_kind(likelihood)} lines"
        are = "is" if compared["commits"] == 1 else "are"
        few = f"{counted(compared['commits'], 'held-out commit')} with {lines} {are} too few for an interval"
        remedy = short if short and read["of"] >= FEWEST else "data.held_out, or give a longer history"
        found.append(f"{few}, which takes {FEWEST}: raise {remedy}")
    return found


def of_idioms(idioms: Mapping[str, Any]) -> list[str]:
    """Say that too few functions were written to be compared, with what would help."""
    if idioms["distance"] is not None:
        return []
    asked = idioms["asked"]
    cut_short = asked["functions"] < asked["of"]
    more = {"evaluation.limit": asked["of"] < FUNCTIONS or not cut_short, "evaluation.minutes": cut_short}
    return [f"{too_few(idioms['functions'])}: raise {' and '.join(name for name, helps in more.items() if helps)}"]
