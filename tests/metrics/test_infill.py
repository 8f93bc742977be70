import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.metrics.infill import Infill, cut_infill, is_complete
from codelm.metrics.infill_scores import score, summarize
from codelm.metrics.infill_tasks import InfillTask, cut_tasks

RUST = """impl Walker {
    /// Goes one deeper.
    fn deeper(&mut self) -> Result<usize, Error> {
        let depth = self.depth + 1;
        if depth > self.limit {
            return Err(Error::TooDeep(depth)); // who digs too deep
        } else {
            self.depth = depth;
        }
        Ok(depth)
    }
}

fn main() {
    let walker = Walker { depth: 0, limit: 9 };
    println!("{}", walker.deeper().unwrap());
}
"""
PYTHON = '''class Walker:
    def deeper(self):
        """Go one deeper."""
        depth = self.depth + 1
        if depth > self.limit:
            raise TooDeep(depth)  # who digs too deep
        else:
            self.depth = depth
        return depth

    @cached
    def limits(self):
        return [
            self.limit,
            self.depth,
        ]


print(Walker().deeper())
'''
FILES = {"rust": RUST, "python": PYTHON}


def cut(language, start, stop):
    (task,) = cut_tasks("c0ffee", "walk", language, FILES[language], [(start, stop)], ())
    return task


BLOCK = cut("rust", 3, 9)
LINE = cut("rust", 3, 4)
SUITE = cut("python", 3, 8)
STATEMENTS = cut("python", 3, 4)
RECORD = InfillTask("c0ffee", "walk.cob", "cobol", 0, "", "MOVE A TO B.\nMOVE C TO D.\n", "")


@settings(deadline=None)
@given(
    st.sampled_from(["rust", "python"]), st.tuples(st.integers(0, 16), st.integers(0, 16)).map(sorted), st.booleans()
)
def test_the_real_text_is_left_whole_and_has_full_marks(language, span, sees_after):
    for task in cut_tasks("c0ffee", "walk", language, FILES[language], [span], ()):
        infill = cut_infill(task, task.text, True, sees_after)
        assert infill == Infill(task.text, finished=True)
        found = summarize([score(task, infill, "", frozenset())])
        assert [found[name] for name in ("exact", "similarity", "identifiers", "valid")] == [1, 100, 1, 1]
        assert [found["empty"], found["runaway"]] == [0, 0]


@pytest.mark.parametrize("task", [LINE, BLOCK, STATEMENTS, SUITE], ids=["line", "block", "statement", "suite"])
def test_an_endless_text_is_cut_where_the_scope_ends_at_the_latest(task):
    for sees_after in (True, False):
        infill = cut_infill(task, task.text + task.after, False, sees_after)
        assert infill.finished
        assert infill.text.startswith(task.text.rstrip())
        assert "main" not in infill.text
        assert "limits" not in infill.text


def test_a_line_is_the_first_one_that_holds_something():
    assert cut_infill(LINE, "\n  a();\n  b();\n", False, True) == Infill("\n  a();\n", finished=True)


def test_a_line_without_end_is_finished_only_if_the_model_stopped():
    assert [cut_infill(LINE, "  a(", stopped, True).finished for stopped in (True, False)] == [True, False]


def test_a_block_written_with_the_text_after_in_sight_ends_with_its_scope():
    text = "        a();\n        b();\n        c();\n"
    assert cut_infill(BLOCK, text + "    }\n}\n", False, True) == Infill(text, finished=True)
    assert cut_infill(BLOCK, "a(); }", False, True).text == "a(); "


def test_a_block_written_without_the_text_after_ends_with_as_many_items_as_the_real_one():
    text = "        a(); // b();\n        if c {\n            d();\n        }\n"
    assert cut_infill(BLOCK, text + "        e();\n", False, False) == Infill(text, finished=True)


def test_what_the_real_text_closes_an_infill_may_close():
    task = cut("rust", 9, 14)
    assert task.text.startswith("        Ok(depth)\n    }\n}\n")
    text = "        depth\n    }\n}\n\nfn other() {\n"
    for sees_after in (True, False):
        assert cut_infill(task, text, True, sees_after).text == text
    assert cut_infill(task, text + "}\n\nfn more() {}\n}\n}\n", False, False).text == text + "}\n"


def test_comments_behind_the_last_item_belong_to_it():
    text = "        a();\n        b();\n        // c\n"
    assert cut_infill(BLOCK, text, True, False).text == text


def test_a_python_block_ends_where_the_text_is_outdented_out_of_it():
    text = "        a()\n\n        if b:\n            c()\n        d()"
    assert cut_infill(SUITE, text + "\n\n    def e(self):\n", False, True) == Infill(text, finished=True)


def test_a_python_block_written_without_the_text_after_ends_with_as_many_statements():
    text = "        a()\n        # b()\n        if c:\n            d()\n        else:\n            e()"
    assert cut_infill(SUITE, text + "\n        f()\n", False, False) == Infill(text, finished=True)


def test_a_python_block_that_begins_too_far_out_is_not_empty():
    assert cut_infill(SUITE, "a()\nb()\n", False, True).text == "a()"


def test_in_other_languages_nothing_is_cut():
    assert cut_infill(RECORD, "STOP.\n}\nRUN.", True, False) == Infill("STOP.\n}\nRUN.", finished=True)
    assert not cut_infill(RECORD, "STOP.\n", False, True).finished


@settings(deadline=None)
@given(st.text(alphabet="ab{}()[];\n \"'/#", max_size=40), st.sampled_from([LINE, BLOCK, STATEMENTS, SUITE, RECORD]))
def test_an_infill_is_the_beginning_of_what_was_written(text, task):
    for sees_after in (True, False):
        assert text.startswith(cut_infill(task, text, False, sees_after).text)


CODE = st.lists(
    st.sampled_from([*RUST.splitlines(), *PYTHON.splitlines(), "}", "};", "// end", "", "else {", '"a', "'a'"])
)


@settings(max_examples=300)
@given(lines=CODE, task=st.sampled_from([LINE, BLOCK, STATEMENTS, SUITE]), sees_after=st.booleans())
def test_what_is_complete_is_cut_as_all_that_goes_on_from_it(lines, task, sees_after):
    whole = cut_infill(task, "".join(f"{line}\n" for line in lines), False, sees_after)
    for count in range(len(lines) + 1):
        beginning = "".join(f"{line}\n" for line in lines[:count])
        if is_complete(task, beginning, sees_after):
            assert cut_infill(task, beginning, False, sees_after) == whole
            return


def test_when_an_infill_is_complete():
    assert is_complete(LINE, "let a = 1;\n", True)
    assert not is_complete(LINE, "let a", True)
    assert is_complete(BLOCK, "self.depth = 1;\n    }\n", True)
    assert not is_complete(BLOCK, "self.depth = 1;\n", True)
    assert not is_complete(RECORD, "MOVE A TO B.\n" * 9, True)
