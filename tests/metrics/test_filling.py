import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.metrics.filling import Filling, cut_filling
from codelm.metrics.infill_tasks import Hole, cut_holes
from codelm.metrics.scores import judge, summary

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
    (hole,) = cut_holes("c0ffee", "walk", language, FILES[language], [(start, stop)], ())
    return hole


BLOCK = cut("rust", 3, 9)
LINE = cut("rust", 3, 4)
SUITE = cut("python", 3, 8)
STATEMENTS = cut("python", 3, 4)
RECORD = Hole("c0ffee", "walk.cob", "cobol", 0, "", "MOVE A TO B.\nMOVE C TO D.\n", "")


@settings(deadline=None)
@given(
    st.sampled_from(["rust", "python"]), st.tuples(st.integers(0, 16), st.integers(0, 16)).map(sorted), st.booleans()
)
def test_the_real_text_is_left_whole_and_has_full_marks(language, span, infill):
    for hole in cut_holes("c0ffee", "walk", language, FILES[language], [span], ()):
        filling = cut_filling(hole, hole.text, True, infill)
        assert filling == Filling(hole.text, finished=True)
        found = summary([judge(hole, filling, "", frozenset())])
        assert [found[name] for name in ("exact", "similarity", "identifiers", "valid")] == [1, 100, 1, 1]
        assert [found["empty"], found["runaway"]] == [0, 0]


@pytest.mark.parametrize("hole", [LINE, BLOCK, STATEMENTS, SUITE], ids=["line", "block", "statement", "suite"])
def test_who_never_stops_is_cut_where_the_scope_ends_at_the_latest(hole):
    for infill in (True, False):
        filling = cut_filling(hole, hole.text + hole.after, False, infill)
        assert filling.finished
        assert filling.text.startswith(hole.text.rstrip())
        assert "main" not in filling.text
        assert "limits" not in filling.text


def test_a_line_is_the_first_one_that_holds_something():
    assert cut_filling(LINE, "\n  a();\n  b();\n", False, True) == Filling("\n  a();\n", finished=True)


def test_a_line_without_end_is_finished_only_if_the_model_stopped():
    assert [cut_filling(LINE, "  a(", stopped, True).finished for stopped in (True, False)] == [True, False]


def test_a_block_that_sees_what_follows_ends_with_its_scope():
    text = "        a();\n        b();\n        c();\n"
    assert cut_filling(BLOCK, text + "    }\n}\n", False, True) == Filling(text, finished=True)
    assert cut_filling(BLOCK, "a(); }", False, True).text == "a(); "


def test_a_block_that_does_not_see_what_follows_ends_with_as_many_items_as_the_real_one():
    text = "        a(); // b();\n        if c {\n            d();\n        }\n"
    assert cut_filling(BLOCK, text + "        e();\n", False, False) == Filling(text, finished=True)


def test_what_the_real_text_closes_a_filling_may_close():
    hole = cut("rust", 9, 14)
    assert hole.text.startswith("        Ok(depth)\n    }\n}\n")
    text = "        depth\n    }\n}\n\nfn other() {\n"
    for infill in (True, False):
        assert cut_filling(hole, text, True, infill).text == text
    assert cut_filling(hole, text + "}\n\nfn more() {}\n}\n}\n", False, False).text == text + "}\n"


def test_comments_behind_the_last_item_belong_to_it():
    text = "        a();\n        b();\n        // c\n"
    assert cut_filling(BLOCK, text, True, False).text == text


def test_a_python_block_ends_where_the_text_is_outdented_out_of_it():
    text = "        a()\n\n        if b:\n            c()\n        d()"
    assert cut_filling(SUITE, text + "\n\n    def e(self):\n", False, True) == Filling(text, finished=True)


def test_a_python_block_that_does_not_see_what_follows_ends_with_as_many_statements():
    text = "        a()\n        # b()\n        if c:\n            d()\n        else:\n            e()"
    assert cut_filling(SUITE, text + "\n        f()\n", False, False) == Filling(text, finished=True)


def test_a_python_block_that_begins_too_far_out_is_not_empty():
    assert cut_filling(SUITE, "a()\nb()\n", False, True).text == "a()"


def test_in_other_languages_the_model_decides():
    assert cut_filling(RECORD, "STOP.\n}\nRUN.", True, False) == Filling("STOP.\n}\nRUN.", finished=True)
    assert not cut_filling(RECORD, "STOP.\n", False, True).finished


@settings(deadline=None)
@given(st.text(alphabet="ab{}()[];\n \"'/#", max_size=40), st.sampled_from([LINE, BLOCK, STATEMENTS, SUITE, RECORD]))
def test_a_filling_is_the_beginning_of_what_was_written(text, hole):
    for infill in (True, False):
        assert text.startswith(cut_filling(hole, text, False, infill).text)
