import random
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from rapidfuzz import fuzz

import codelm
from codelm.metrics.filling import Filling
from codelm.metrics.infill_tasks import Hole
from codelm.metrics.scores import chance, judge, summary, versus
from codelm.metrics.syntax.code_lines import code_lines

LINE = Hole(
    "c0ffee",
    "walk.rs",
    "rust",
    1,
    "fn deeper(&mut self) -> usize {\n",
    "        let depth = self.depth + 1;\n",
    "        depth\n}\n",
)
STATEMENTS = Hole(
    "c0ffee",
    "walk.py",
    "python",
    1,
    "    def deeper(self):\n",
    "        depth = self.depth + 1\n",
    "        return depth\n",
)
RECORD = Hole("c0ffee", "walk.cob", "cobol", 0, "", "MOVE A TO B.\nMOVE C TO D.\n", "")


def verdict(hole, text, *, finished=True, shown="", own=frozenset()):
    return judge(hole, Filling(text, finished), shown, own)


def test_comments_blank_lines_and_white_space_make_no_difference():
    found = verdict(LINE, "\n  let  depth = self.depth + 1;  // one more\n\n")
    assert found.exact
    assert found.similarity < 100


def test_in_python_indentation_makes_a_difference():
    assert verdict(STATEMENTS, "        depth = self.depth  + 1").exact
    assert not verdict(STATEMENTS, "    depth = self.depth + 1").exact


def test_a_wrong_name_costs_exactness_and_names_and_no_syntax():
    found = verdict(LINE, "        let level = self.level + 1;\n")
    assert (found.exact, found.identifiers, found.valid) == (False, 0, True)
    assert 50 < found.similarity < 100


def test_a_half_right_set_of_names_has_half_the_marks():
    assert verdict(STATEMENTS, "depth = level").identifiers == 0.5
    assert verdict(replace(RECORD, text="1"), "2").identifiers == 1


def test_a_missing_bracket_costs_validity():
    assert verdict(LINE, "        let depth = (self.depth + 1;\n").valid is False


def test_a_fault_that_the_real_file_has_is_not_held_against_a_filling():
    hole = replace(LINE, after=LINE.after + "\nfn broken( {\n")
    assert verdict(hole, hole.text).valid
    assert verdict(hole, "        let depth = (self.depth + 1;\n").valid is False


def test_a_line_without_its_line_feed_is_valid_too():
    assert verdict(STATEMENTS, STATEMENTS.text.rstrip()).valid


def test_a_language_without_grammar_has_no_validity():
    assert verdict(RECORD, RECORD.text).valid is None
    assert summary([verdict(RECORD, RECORD.text)])["valid"] is None


def test_nothing_written_is_empty_and_without_similarity():
    found = verdict(LINE, "  \n")
    assert (found.empty, found.similarity, found.exact, found.valid) == (True, 0, False, True)


def test_what_the_limit_cut_off_ran_away():
    assert verdict(LINE, LINE.text, finished=False).runaway


def test_only_names_that_the_prompt_did_not_show_count_as_known():
    found = verdict(
        LINE,
        "let haystack = walker.depth(sink);",
        shown="// the sink\nstruct Walker",
        own=frozenset({"haystack", "sink"}),
    )
    assert found.own_names == (1, 3)


def test_the_summary_is_of_means_and_shares():
    good = verdict(LINE, LINE.text, own=frozenset({"depth"}))
    bad = verdict(LINE, "", finished=False)
    found = summary([good, good, good, bad])
    assert found == {
        "tasks": 4,
        "exact": 0.75,
        "similarity": 75,
        "identifiers": 0.75,
        "valid": 1,
        "empty": 0.25,
        "runaway": 0.25,
        "own_names": 1,
    }


def test_the_summary_of_nothing_claims_nothing():
    assert set(summary([]).values()) == {0, None}


def test_won_and_lost_holes_are_counted_against_the_base():
    right, wrong = verdict(LINE, LINE.text), verdict(LINE, "a();")
    found = versus([right, wrong, wrong, wrong, right, wrong], [wrong, right, right, right, right, wrong])
    assert found == {"won": 3, "lost": 1, "same": 2}


def test_chance_is_the_similarity_of_one_hole_to_another_and_not_to_itself():
    texts = ["    let a = b();\n", "let a = b();", "}"]
    alike = [fuzz.ratio(one.strip(), other.strip()) for one, other in permutations(texts, 2)]
    assert chance(texts) == pytest.approx(sum(alike) / 6)
    assert 30 < chance(texts) < 40
    assert chance(texts[:1]) is chance([]) is None


def test_random_lines_of_a_repository_score_near_their_floor():
    sources = sorted(Path(codelm.__file__).parent.glob("*/*.py"))
    code = [
        line for file in sources for line in code_lines("python", file.read_text("utf-8")) if len(line.strip()) >= 20
    ]
    draw = random.Random(0)
    pairs = [draw.sample(code, 2) for _ in range(500)]
    scores = [verdict(Hole("c0ffee", "a", "cobol", 0, "", real, ""), wrong) for real, wrong in pairs]
    found = summary(scores)
    assert 24 < found["similarity"] < 36
    assert found["exact"] < 0.02
    assert found["identifiers"] < 0.2
