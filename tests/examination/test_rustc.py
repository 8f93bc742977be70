"""rustc's parser asked about holes: whom it judges, whom it leaves out, and what is said of that."""

import pytest

from codelm.evaluation import rustc as parser
from codelm.evaluation.filling import Filling
from codelm.evaluation.holes import Hole
from codelm.evaluation.verdict import judge
from codelm.examination.deadline import Deadline
from codelm.examination.examine import Examination, Limits, examine, holes
from codelm.examination.hole_figures import hole_figures, record
from codelm.examination.holes import Answer, Asked
from codelm.examination.rustc import AT_A_TIME, ask_rustc
from codelm.examination.unmeasured import UnmeasuredError

PLENTY = Deadline(1000)
OVER = Deadline(0)


@pytest.fixture
def rustc(monkeypatch):
    """A parser that takes what holds no ``@``, and remembers what it was shown."""
    shown = []

    def accepted(texts, edition):
        shown.extend(texts)
        return ["@" not in text for text in texts]

    monkeypatch.setattr(parser, "accepted", accepted)
    return shown


def asked(base, tuned, *, before="fn a() {\n", language="rust"):
    hole = Hole("c0ffee", "a", language, 1, before, "    real();\n", "}\n")
    texts = {"base": base, "real": hole.text, "tuned": tuned}
    answers = {}
    for column, text in texts.items():
        filling = Filling(text, finished=True)
        answers["infill", column] = Answer(filling, judge(hole, filling, "", frozenset()))
    return Asked(hole, answers)


def verdicts(one):
    return {column: answer.verdict.rustc for (_, column), answer in one.answers.items()}


def test_each_answer_is_read_in_the_file_it_would_stand_in(rustc):
    one = asked("    b(\n@", "    c()")
    notes = []
    assert ask_rustc([one], PLENTY, notes) == {"holes": 1}
    assert verdicts(one) == {"base": False, "real": True, "tuned": True}
    assert "fn a() {\n    c()\n}\n" in rustc
    assert notes == []


def test_the_verdicts_reach_the_figures_and_the_record_of_each_hole(rustc):
    some = [asked("@", "c();"), asked("@", "@"), asked("c();", "c();"), asked("@", "c();")]
    ask_rustc(some, PLENTY, [])
    found = hole_figures(some)["infill"]
    assert [found[column]["rustc"] for column in ("base", "tuned", "real")] == [0.25, 0.75, 1]
    assert [answer["rustc"] for answer in record(some[0])["answers"]] == [False, True, True]


def test_who_was_not_asked_about_has_no_share():
    some = [asked("@", "c();")]
    assert {hole_figures(some)["infill"][column]["rustc"] for column in ("base", "tuned", "real")} == {None}


def test_holes_in_other_languages_are_not_shown_to_it(rustc):
    one = asked("b", "c", language="python")
    with pytest.raises(UnmeasuredError, match="none that was filled is in Rust"):
        ask_rustc([one], PLENTY, [])
    assert set(verdicts(one).values()) == {None}
    assert rustc == []


def test_a_real_file_that_it_does_not_take_is_left_out_and_told_of(rustc):
    some = [asked("b", "c", before="what@ "), asked("b", "c")]
    notes = []
    assert ask_rustc(some, PLENTY, notes) == {"holes": 2}
    assert set(verdicts(some[0]).values()) == {None}
    assert hole_figures(some)["infill"]["tuned"]["rustc"] == 1
    assert notes == ["rustc takes the real file of 1 of 2 holes in no edition: they do not count"]


def test_when_time_is_up_no_more_holes_are_begun(rustc, monkeypatch):
    some = [asked("b", "c") for _ in range(AT_A_TIME + 1)]
    with pytest.raises(UnmeasuredError, match=r"no time was left: raise evaluation.minutes"):
        ask_rustc(some, OVER, [])
    assert rustc == []
    deadline = Deadline(1000)
    accepted = parser.accepted

    def slowly(texts, edition):
        deadline.ends = 0
        return accepted(texts, edition)

    monkeypatch.setattr(parser, "accepted", slowly)
    notes = []
    assert ask_rustc(some, deadline, notes) == {"holes": AT_A_TIME}
    assert notes == [f"time allowed rustc {AT_A_TIME} of {AT_A_TIME + 1} holes: raise evaluation.minutes"]
    assert set(verdicts(some[-1]).values()) == {None}


class Exam:
    """Somebody who has asked about one hole."""

    modes = ("infill", "left_to_right")

    def holes(self, limit):
        return [one.hole for one in self.ask([], PLENTY)]

    def ask(self, holes, deadline):
        return [asked("@", "c();")]


@pytest.mark.parametrize("wanted", [True, False])
def test_it_is_asked_only_if_that_is_wanted(rustc, wanted):
    found = Examination()
    figures = holes(found, Exam(), Limits(1, 1, 1, rustc=wanted), PLENTY)
    assert figures["infill"]["base"]["rustc"] == (0 if wanted else None)
    assert bool(rustc) == wanted
    assert found.notes == []


def test_models_that_take_all_the_time_for_holes_leave_rustc_its_share(rustc, monkeypatch):
    deadline, exam = Deadline(1000), Exam()
    ask = exam.ask

    def slowly(holes, given):
        assert given.left < 950
        deadline.ends = 0
        return ask(holes, given)

    found = Examination()
    monkeypatch.setattr(exam, "holes", lambda limit: [one.hole for one in ask([], PLENTY)])
    monkeypatch.setattr(exam, "ask", slowly)
    assert holes(found, exam, Limits(1, 1, 1, rustc=True), deadline)["infill"]["real"]["rustc"] == 1
    assert found.notes == []


def test_where_it_fails_the_other_measures_stand_with_a_note(monkeypatch):
    def accepted(texts, edition):
        raise OSError("no space left")

    monkeypatch.setattr(parser, "accepted", accepted)
    found = Examination()
    figures = holes(found, Exam(), Limits(1, 1, 1, rustc=True), PLENTY)
    assert figures["infill"]["base"]["rustc"] is None
    assert figures["infill"]["real"]["exact"] == 1
    assert found.notes == ["rustc was not measured: OSError: no space left"]


def test_in_a_whole_examination_it_judges_the_holes(rustc, examinee, material, few_texts):
    found = examine(examinee, material, Limits(5, 2, 2000, rustc=True), 1)
    assert found.figures["holes"], found.notes
    assert found.figures["holes"]["infill"]["real"]["rustc"] == 1, found.notes
    assert rustc
