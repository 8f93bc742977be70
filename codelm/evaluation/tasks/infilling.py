"""Holes that held-out commits filled, put to the base, to the base with an example at hand, and to the tuned model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from random import Random

from codelm.evaluation.budget import Deadline
from codelm.evaluation.data import Material, language_of, pieces
from codelm.evaluation.general import Text, local, texts
from codelm.evaluation.model import Examinee
from codelm.history.held_out import HeldOutChange
from codelm.history.samples.formats import Sample
from codelm.history.samples.prompts import can_infill, prompt
from codelm.lines import lines_of
from codelm.metrics.filling import Filling, cut_filling
from codelm.metrics.infill_tasks import Hole, choose, cut_holes, visible
from codelm.metrics.retrieval import nearest, nearest_lines
from codelm.metrics.scores import Verdict, judge
from codelm.metrics.syntax.identifiers import own_names

CODE = ("rust", "python")
"""The languages whose names and syntax are known."""
FEWEST_TOKENS, MOST_TOKENS = 32, 192
"""Tokens that an answer may have: twice those of the longest real text asked for at a time, within these bounds."""
ROOM = 1024
"""Tokens of prompt and completion together, or a row where that is shorter."""
HEADING = 96
"""Tokens that are kept for names and sentinels."""
EXAMPLES = 2000
"""Pieces of training changes among which the most similar one is sought."""
EXAMPLE_SHARE = 4
"""An example takes a quarter of the prompt at most."""
SPARE = 2
"""Commits that are looked at for each hole that is asked about: not every change has one."""
FILES = 8
"""Files of a commit in which holes are sought, at most."""
NEAR = 8
"""Lines before and after a hole by which examples are compared."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model wrote into a hole, and what it is worth."""

    filling: Filling
    verdict: Verdict


@dataclass(slots=True)
class Asked:
    """A hole with the answers to it, by mode and column."""

    hole: Hole
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)


class HoleExam:
    """Asks about holes.

    Args:
        examinee: Who is asked.
        material: Where the holes are from.
        seed: Decides which holes are asked about, and their order.
    """

    def __init__(self, examinee: Examinee, material: Material, seed: int) -> None:
        self.examinee = examinee
        self.material = material
        self.seed = seed
        general = [*texts(), *local()]
        self.own = {name: self._own_names(name, general) for name in CODE}
        self.examples = list(pieces(material, EXAMPLES))
        self.repositories: dict[str, str] = {}
        self.modes = ["infill", "left_to_right"] if can_infill(material.encoder.special) else ["left_to_right"]

    def _own_names(self, language: str, general: Sequence[Text]) -> frozenset[str]:
        files = self.material.snapshot.items()
        snapshot = [text for place, text in files if language_of(place.path) == language]
        return own_names(snapshot, [text.text for text in general if text.language == language], language)

    def holes(self, limit: int) -> list[Hole]:
        """Return the holes to ask about, in random order: whatever time leaves of them stands for all."""
        changes = self.material.test_changes()
        code = [change for change in changes if language_of(change.path) in CODE]
        # A changed line of prose or of settings says little about code; where there is nothing else, it has to do.
        found = self._holes_of(code, limit) or self._holes_of(changes, limit)
        chosen = choose(found, limit, seed=self.seed)
        return Random(self.seed).sample(chosen, len(chosen))

    def _holes_of(self, changes: Sequence[HeldOutChange], limit: int) -> list[Hole]:
        """Return the holes of changes, in their order; of a long history those of more commits than are asked about."""
        drawn = some_of_each(changes, SPARE * limit, Random(self.seed))
        return [hole for change in drawn for hole in self._cut(change)]

    def _cut(self, change: HeldOutChange) -> Iterator[Hole]:
        commit = self.material.commit(change.commit)
        self.repositories[commit["sha"]] = commit["repository"]
        language = language_of(change.path)
        return cut_holes(commit["sha"], change.path, language, change.text, change.spans, self.material.known_lines)

    def ask(self, holes: Sequence[Hole], deadline: Deadline) -> list[Asked]:
        """Return the holes that were asked about in time, each in every mode and column."""
        asked: list[Asked] = []
        longest = 0.0
        for some in self._batches(holes):
            before = deadline.left
            if before <= longest:
                break
            asked += self._batch(some)
            longest = max(longest, before - deadline.left)
        return asked

    def _batches(self, holes: Sequence[Hole]) -> Iterator[list[Hole]]:
        """Yield holes of like length together, so many at a time: a batch takes as long as its longest answer.

        The batches come in random order: with the short ones first, it would be the long holes that time leaves out.
        """
        size, chance = self.examinee.batch_size, Random(self.seed)
        for start in range(0, len(holes), 4 * size):
            some = sorted(holes[start : start + 4 * size], key=lambda hole: len(hole.text))
            batches = [some[first : first + size] for first in range(0, len(some), size)]
            yield from chance.sample(batches, len(batches))

    def _batch(self, holes: Sequence[Hole]) -> list[Asked]:
        """Ask about holes at a time."""
        asked = [Asked(hole) for hole in holes]
        for mode in self.modes:
            for column in ("base", "retrieval", "tuned") if mode == "infill" else ("base", "tuned"):
                self._column(asked, mode, column)
        return asked

    def _column(self, asked: Sequence[Asked], mode: str, column: str) -> None:
        holes = [each.hole for each in asked]
        longest = max(self.material.encoder.count([hole.text for hole in holes]))
        new_tokens = min(MOST_TOKENS, max(FEWEST_TOKENS, 2 * longest))
        prompts = [self._prompt(hole, mode, new_tokens, example=column == "retrieval") for hole in holes]
        encoded = self.material.encoder.encode(prompts)
        sampling = self.examinee.greedy(new_tokens)
        with self.examinee.as_base(column != "tuned"):
            written = list(self.examinee.write([each.ids for each in encoded], sampling))
        for each, sample, (text, stopped) in zip(asked, prompts, written, strict=True):
            said = text if mode == "infill" else behind_line_end(sample, text)
            filling = cut_filling(each.hole, said, stopped, mode == "infill")
            each.answers[mode, column] = Answer(filling, self._judged(each.hole, filling, sample))
            if column == "base":
                real = Filling(each.hole.text, finished=True)
                each.answers[mode, "real"] = Answer(real, self._judged(each.hole, real, sample))

    def _judged(self, hole: Hole, filling: Filling, asked: Sample) -> Verdict:
        return judge(hole, filling, shown(asked), self.own.get(hole.language, frozenset()))

    def _prompt(self, hole: Hole, mode: str, new_tokens: int, *, example: bool) -> Sample:
        """Return the prompt for a hole."""
        encoder = self.material.encoder
        room = min(ROOM, self.examinee.room) - new_tokens - HEADING
        other = self._example(hole, room // EXAMPLE_SHARE) if example else None
        room -= encoder.count([other[1]])[0] if other else 0
        name = self.repositories[hole.commit]
        if mode == "infill":
            before, after = visible(hole, encoder.count, room)
            return prompt(name, hole.path, before, after, encoder.special, example=other)
        before, _ = visible(replace(hole, after=""), encoder.count, room)
        return prompt(name, hole.path, before, None, encoder.special)

    def _example(self, hole: Hole, room: int) -> tuple[str, str] | None:
        """Return path and text of the piece of a training change most like what stands around a hole.

        Where it has no room as a whole, it is the part of it that is most like that.
        """
        around = "".join([*lines_of(hole.before)[-NEAR:], *lines_of(hole.after)[:NEAR]])
        found = nearest(around, [text for _, text in self.examples])
        if found is None:
            return None
        path, text = self.examples[found]
        lines = lines_of(text)
        part = nearest_lines(around, lines, self.material.encoder.count(lines), room)
        return (path, part) if part else None


def some_of_each(changes: Sequence[HeldOutChange], commits: int, chance: Random) -> list[HeldOutChange]:
    """Return changes of so many commits at most, a few of each, in their order.

    To cut holes means to read a whole file, and each hole keeps it: all of a long history would take minutes.
    """
    by_commit: dict[int, list[int]] = {}
    for place in chance.sample(range(len(changes)), len(changes)):
        by_commit.setdefault(changes[place].commit, []).append(place)
    drawn = [places[:FILES] for places in by_commit.values()][:commits]
    return [changes[place] for place in sorted(chain.from_iterable(drawn))]


def shown(asked: Sample) -> str:
    """Return all text that a prompt shows: the names of repository and files too, and what is there as an example."""
    return "\n".join(piece.text for piece in asked.pieces if not piece.special)


def behind_line_end(asked: Sample, text: str) -> str:
    """Return what was written behind the line end that was left to the model, where there is a line before the hole."""
    return text.partition("\n")[2] if asked.pieces else text
