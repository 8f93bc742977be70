"""The whole examination: part after part, in the order of what they tell, each within its share of the time."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codelm.errors import CodelmError, one_line
from codelm.evaluation.budget import Deadline
from codelm.evaluation.data import Material
from codelm.evaluation.model import Examinee
from codelm.evaluation.notes import of_holes, shortcomings
from codelm.evaluation.tasks.forgetting import general
from codelm.evaluation.tasks.idioms import idioms
from codelm.evaluation.tasks.infilling import Asked, HoleExam
from codelm.evaluation.tasks.infilling_figures import hole_figures, record
from codelm.evaluation.tasks.likelihood import likelihood
from codelm.evaluation.tasks.memorization import memory
from codelm.evaluation.unmeasured import UnmeasuredError
from codelm.metrics.quantities import counted

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is asked.

    Attributes:
        minutes: Time for all of it; what does not fit is asked less often.
        limit: Holes, functions and windows of each kind at most.
        tokens: Tokens of held-out samples at most.
    """

    minutes: float
    limit: int
    tokens: int


@dataclass(slots=True)
class Examination:
    """What came out: the figures, and each hole with its answers."""

    figures: dict[str, Any] = field(default_factory=dict)
    holes: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Part = Callable[[], dict[str, Any]]

WORDS = {
    "likelihood": "bits per byte of held-out commits",
    "general": "bits per byte of general code",
    "holes": "holes that held-out commits filled",
    "idioms": "the repository's idioms",
    "memory": "what is recited of training",
}
"""What the parts are about, in their order."""


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
    for place, (name, part) in enumerate(parts.items(), start=1):
        log.info("evaluation %d/%d: %s", place, len(parts), WORDS[name])
        found.figures[name] = attempted(name, part, found)
    found.notes += shortcomings(found.figures, snapshot=bool(material.snapshot))
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
    asked: list[Asked] = exam.ask(chosen, deadline)
    if not asked:
        raise UnmeasuredError(f"time allowed for none of {counted(len(chosen), 'hole')}: raise evaluation.minutes")
    found.holes += [record(each) for each in asked]
    found.notes += of_holes([each.hole.language for each in asked], len(chosen), exam.modes)
    return hole_figures(asked)
