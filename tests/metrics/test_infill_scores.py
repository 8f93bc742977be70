import random
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from rapidfuzz import fuzz

import codelm
from codelm.metrics.infill import Infill
from codelm.metrics.infill_scores import chance_similarity, score, summarize, wins_and_losses
from codelm.metrics.infill_tasks import InfillTask
from codelm.metrics.syntax.code_lines import code_lines


def task(language, text, before="", after=""):
    return InfillTask("c0ffee", "walk", language, before.count("\n"), before, text, after)


LINE = task("rust", "        let depth = self.depth + 1;\n", "fn deeper(&mut self) -> usize {\n", "        depth\n}\n")
STATEMENTS = task("python", "        depth = self.depth + 1\n", "    def deeper(self):\n", "        return depth\n")
RECORD = task("cobol", "MOVE A TO B.\nMOVE C TO D.\n")


def scored(task, text, *, finished=True, prompt_text="", own_names=frozenset()):
    return score(task, Infill(text, finished), prompt_text, own_names)


def test_comments_blank_lines_and_white_space_make_no_difference():
    found = scored(LINE, "\n  let  depth = self.depth + 1;  // one more\n\n")
    assert found.exact
    assert found.similarity < 100


def test_in_python_indentation_makes_a_difference():
    assert scored(STATEMENTS, "        depth = self.depth  + 1").exact
    assert not scored(STATEMENTS, "    depth = self.depth + 1").exact


def test_a_wrong_name_lowers_exactness_and_names_but_not_validity():
    found = scored(LINE, "        let level = self.level + 1;\n")
    assert (found.exact, found.identifiers, found.valid) == (False, 0, True)
    assert 50 < found.similarity < 100


def test_a_half_right_set_of_names_scores_a_half():
    assert scored(STATEMENTS, "depth = level").identifiers == 0.5
    assert scored(replace(RECORD, text="1"), "2").identifiers == 1


def test_a_missing_bracket_is_not_valid():
    assert scored(LINE, "        let depth = (self.depth + 1;\n").valid is False


def test_a_fault_of_the_real_file_does_not_count_against_an_infill():
    broken = replace(LINE, after=LINE.after + "\nfn broken( {\n")
    assert scored(broken, LINE.text).valid
    assert scored(broken, "        let depth = (self.depth + 1;\n").valid is False


STRINGS = task("rust", '        str!["a"], str!["b"],\n', "fn f() {\n    g(\n", '        str!["c"],\n    );\n}\n')


@pytest.mark.parametrize(
    ("text", "valid"),
    [(STRINGS.text, True), ('str!["d"],', True), ('str!["d"', False), ("a b,\n", False), ("}", False)],
)
def test_macros_named_as_types_make_nothing_right_or_wrong(text, valid):
    assert scored(STRINGS, text).valid is valid


def test_where_the_real_text_is_misread_it_is_not_known_what_is_valid():
    misread = task("rust", "    super let a = 1;\n    super let b = 1;\n", "fn f() {\n", "}\n")
    assert [scored(misread, text).valid for text in (misread.text, "    a b c\n")] == [None, None]


def test_a_line_without_its_line_feed_is_valid_too():
    assert scored(STATEMENTS, STATEMENTS.text.rstrip()).valid


def test_a_language_without_grammar_has_no_validity():
    assert scored(RECORD, RECORD.text).valid is None
    assert summarize([scored(RECORD, RECORD.text)])["valid"] is None


def test_nothing_written_is_empty_and_without_similarity():
    found = scored(LINE, "  \n")
    assert (found.empty, found.similarity, found.exact, found.valid) == (True, 0, False, True)


def test_what_the_limit_cut_off_ran_away():
    assert scored(LINE, LINE.text, finished=False).runaway


def test_only_names_that_the_prompt_did_not_show_count_as_known():
    found = scored(
        LINE,
        "let haystack = walker.depth(sink);",
        prompt_text="// the sink\nstruct Walker",
        own_names=frozenset({"haystack", "sink"}),
    )
    assert found.own_names == (1, 3)


def test_the_summary_is_of_means_and_shares():
    good = scored(LINE, LINE.text, own_names=frozenset({"depth"}))
    bad = scored(LINE, "", finished=False)
    found = summarize([good, good, good, bad])
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


def test_the_summary_of_no_scores_has_no_figures():
    assert set(summarize([]).values()) == {0, None}


def test_won_and_lost_tasks_are_counted_against_the_base():
    right, wrong = scored(LINE, LINE.text), scored(LINE, "a();")
    found = wins_and_losses([right, wrong, wrong, wrong, right, wrong], [wrong, right, right, right, right, wrong])
    assert found == {"won": 3, "lost": 1, "same": 2}


def test_chance_is_the_similarity_of_one_text_to_another_and_not_to_itself():
    texts = ["    let a = b();\n", "let a = b();", "}"]
    alike = [fuzz.ratio(one.strip(), other.strip()) for one, other in permutations(texts, 2)]
    assert chance_similarity(texts) == pytest.approx(sum(alike) / 6)
    assert 30 < chance_similarity(texts) < 40
    assert chance_similarity(texts[:1]) is chance_similarity([]) is None


def test_random_lines_of_a_repository_score_near_their_floor():
    sources = sorted(Path(codelm.__file__).parent.glob("*/*.py"))
    code = [
        line for file in sources for line in code_lines("python", file.read_text("utf-8")) if len(line.strip()) >= 20
    ]
    draw = random.Random(0)
    pairs = [draw.sample(code, 2) for _ in range(500)]
    scores = [scored(task("cobol", real), wrong) for real, wrong in pairs]
    found = summarize(scores)
    assert 24 < found["similarity"] < 36
    assert found["exact"] < 0.02
    assert found["identifiers"] < 0.2
