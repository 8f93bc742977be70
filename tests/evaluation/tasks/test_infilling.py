from collections import Counter
from random import Random
from types import SimpleNamespace

import pytest

from codelm.evaluation.budget import Deadline
from codelm.evaluation.tasks.infilling import FILES, HoleExam, behind_line_end, shown, some_of_each
from codelm.evaluation.tasks.infilling_figures import hole_figures, record, row
from codelm.history.held_out import HeldOutChange
from codelm.history.samples.formats import FIM_TOKENS, Formats, Kind, Piece, Role, Sample, text
from codelm.history.tokenization.decoding import decode
from codelm.metrics.infill_tasks import Hole

LIMIT = 12

pytestmark = pytest.mark.usefixtures("few_texts")


def fits(hole, before, after):
    return hole.before.rstrip().endswith(before.rstrip()) and hole.after.startswith(after)


def real(holes, ids, encoder):
    """Return what really stands where a prompt asks; nothing where that is no hole that is known."""
    infill = encoder.sentinels["<fim_middle>"] in ids
    place = ids.index(encoder.sentinels["<fim_suffix>"]) if infill else len(ids)
    path, _, before = decode(ids[:place], encoder)[-1].text.partition("\n")
    after = encoder.decode(ids[place + 1 : -1]) if infill else ""
    hole = next((each for each in holes if each.path == path and fits(each, before, after)), None)
    if hole is None or infill:
        return "" if hole is None else hole.text
    return hole.before[len(hole.before.rstrip()) :] + hole.text + hole.after


@pytest.fixture
def make_oracle(make_reciter, examined_base):
    """Return a function that makes an examinee which finds the real text of a hole, as tuned or as both."""
    from codelm.modules.generation import Generated

    class Oracle(make_reciter):
        def __init__(self, holes, *, base_too=False):
            super().__init__([])
            self.holes = holes
            self.base_too = base_too
            self.prompts = []

        def write(self, prompts, sampling):
            for ids in prompts:
                self.prompts.append(list(map(int, ids)))
                yield Generated(self.answer(self.prompts[-1]), stopped=True)

        def answer(self, ids):
            if self.base and not self.base_too:
                return ""
            return real(self.holes, ids, examined_base)

    return Oracle


@pytest.fixture
def blocks(make_repository, make_material):
    """Material of blocks with blank lines and indentation before them, the kind of hole depending on the commit."""

    def source(number):
        items = [
            f"pub fn made_{n}(value: u64) -> u64 {{\n    let first_{n} = value + {n * 31};\n"
            + (f"    let second_{n} = first_{n} * {n + 5};\n" if number > n + 3 else "")
            + f"    first_{n}\n}}\n"
            for n in range(number + 1)
        ]
        return "\n".join(items)

    return make_material(
        make_repository([{"src/lib.rs": source(number)} for number in range(24)], name="blocks"), sequence_length=512
    )


def ask(exam, limit=LIMIT):
    return exam.ask(exam.holes(limit), Deadline(600))


@pytest.mark.parametrize("source", ["material", "blocks"])
def test_who_writes_the_real_text_is_right_in_every_way(source, request, make_oracle):
    material = request.getfixturevalue(source)
    holes = HoleExam(make_oracle([]), material, 0).holes(LIMIT)
    asked = ask(HoleExam(make_oracle(holes), material, 0))
    found = hole_figures(asked)
    assert len(asked) == len(holes) == found["tasks"] > 3
    for mode in ("infill", "left_to_right"):
        shares = found[mode]["tuned"]
        assert [shares[name] for name in ("exact", "identifiers", "valid")] == [1.0, 1.0, 1.0]
        assert [shares[name] for name in ("tasks", "similarity", "empty", "runaway")] == [len(holes), 100.0, 0.0, 0.0]
        assert found[mode]["tuned"]["own_names"] == found[mode]["real"]["own_names"]
        assert found[mode]["base"]["empty"] == 1.0
        assert found[mode]["exact_match"] == {"won": len(holes), "lost": 0, "same": 0}
        assert found[mode]["exact_difference"]["estimate"] == 1.0
        assert found[mode]["similarity_difference"]["estimate"] > 90


def test_equal_answers_change_nothing(material, make_oracle):
    holes = HoleExam(make_oracle([]), material, 0).holes(LIMIT)
    found = hole_figures(ask(HoleExam(make_oracle(holes, base_too=True), material, 0)))
    for mode in ("infill", "left_to_right"):
        assert found[mode]["base"] == found[mode]["tuned"]
        assert found[mode]["exact_match"] == {"won": 0, "lost": 0, "same": len(holes)}
        assert found[mode]["exact_difference"]["estimate"] == 0.0


def test_no_prompt_that_is_read_on_ends_in_white_space(blocks, make_oracle):
    oracle = make_oracle(HoleExam(make_oracle([]), blocks, 0).holes(LIMIT))
    ask(HoleExam(oracle, blocks, 0))
    open_ended = [ids for ids in oracle.prompts if blocks.encoder.sentinels["<fim_middle>"] not in ids]
    assert open_ended
    for ids in open_ended:
        shown = decode(ids, blocks.encoder)[-1].text
        assert shown == shown.rstrip() != ""


def test_no_prompt_shows_what_is_asked_for(blocks, make_oracle):
    oracle = make_oracle([])
    exam = HoleExam(oracle, blocks, 0)
    for hole in exam.holes(LIMIT):
        oracle.prompts.clear()
        exam.ask([hole], Deadline(600))
        assert len(oracle.prompts) == 5
        assert not [ids for ids in oracle.prompts if hole.text in blocks.encoder.decode(ids)]


def test_the_base_is_also_asked_with_an_example_from_training(blocks, make_oracle):
    oracle = make_oracle([])
    asked = ask(HoleExam(oracle, blocks, 0), limit=1)
    assert set(asked[0].answers) == {
        *(("infill", column) for column in ("base", "retrieval", "tuned", "real")),
        *(("left_to_right", column) for column in ("base", "tuned", "real")),
    }
    plain, example, tuned = (decode(ids, blocks.encoder) for ids in oracle.prompts[:3])
    assert [run.text for run in plain] == [run.text for run in tuned]
    assert len(example) == len(plain) + 1
    path, _, piece = example[1].text.partition("\n")
    assert path == "src/lib.rs"
    assert piece
    assert any(piece in text for _, text in HoleExam(oracle, blocks, 0).examples)


def test_models_are_asked_by_the_name_of_the_hole_s_own_repository(make_material, make_repository, make_oracle):
    def history(word):
        return [
            {f"{word}.rs": "".join(f"fn {word}_{n}() {{ {word}({n * 97}) }}\n" for n in range(m + 1))}
            for m in range(12)
        ]

    material = make_material(*(make_repository(history(word), name=f"the-{word}") for word in ("oak", "pine")))
    oracle = make_oracle([])
    asked = ask(HoleExam(oracle, material, 0), limit=8)
    assert {each.hole.path for each in asked} == {"oak.rs", "pine.rs"}
    for ids in oracle.prompts:
        name, *_, last = (run.text for run in decode(ids, material.encoder))
        assert name in ("the-oak", "the-pine")
        assert name.removeprefix("the-") in last


def test_a_tokenizer_without_the_tokens_to_fill_in_asks_left_to_right_alone(material, make_oracle, monkeypatch):
    monkeypatch.setattr(material.encoder, "special", material.encoder.special - FIM_TOKENS)
    asked = ask(HoleExam(make_oracle([]), material, 0))
    found = hole_figures(asked)
    assert "infill" not in found
    assert {row(each)["mode"] for each in asked} == {"left_to_right"}
    assert "retrieval" not in found["left_to_right"]


def test_code_is_asked_for_before_prose(make_material, make_repository, make_oracle):
    words = ["alder", "birch", "cedar", "dogwood", "elm", "fir", "gingko", "hazel", "ivy", "juniper", "larch"]

    def files(number):
        code = (f"pub fn {word}() -> Tree {{\n    Tree::of({word.upper()})\n}}\n" for word in words[: number + 1])
        return {"lib.rs": "".join(code), "README.md": "".join(f"The {word} is a tree.\n\n" for word in words[:number])}

    material = make_material(make_repository([files(number) for number in range(len(words))]))
    assert {hole.language for hole in HoleExam(make_oracle([]), material, 0).holes(LIMIT)} == {"rust"}


def test_another_language_is_asked_about_where_there_is_nothing_else_and_has_no_syntax(
    make_material, make_repository, make_oracle
):
    commits = [
        {"main.go": "package main\n" + "".join(f"func f{n}() int {{ return {n * 71} }}\n" for n in range(m))}
        for m in range(12)
    ]
    material = make_material(make_repository(commits))
    holes = HoleExam(make_oracle([]), material, 0).holes(LIMIT)
    found = hole_figures(ask(HoleExam(make_oracle(holes), material, 0)))
    assert found["infill"]["tuned"]["valid"] is None
    assert found["infill"]["tuned"]["exact"] == 1.0


def test_holes_are_the_same_for_a_seed_and_no_more_than_asked_for(material, make_oracle):
    one, two, other = (HoleExam(make_oracle([]), material, seed).holes(4) for seed in (1, 1, 2))
    assert one == two
    assert len(one) == 4
    assert one != other


def test_nothing_is_asked_when_time_is_over(material, make_oracle):
    exam = HoleExam(make_oracle([]), material, 0)
    assert exam.ask(exam.holes(LIMIT), Deadline(0)) == []


def test_the_holes_that_time_leaves_out_are_not_the_long_ones(material, make_oracle):
    orders = []
    for seed in range(8):
        exam = HoleExam(make_oracle([]), material, seed)
        exam.examinee.batch_size = 2
        holes = exam.holes(LIMIT)
        lengths = [len(hole.text) for batch in exam._batches(holes) for hole in batch]
        assert sorted(lengths) == sorted(len(hole.text) for hole in holes)
        orders.append(lengths[:2] == sorted(lengths)[:2])
    assert not all(orders)


def test_no_batch_is_begun_that_would_not_end_in_time(material, make_oracle):
    left = iter([10.0, 6.0, 6.0, 1.9, 1.9, 0.0])  # the first batch takes 4 seconds, the second as long
    deadline = type("Left", (), {"left": property(lambda self: next(left))})()
    exam = HoleExam(make_oracle([]), material, 0)
    exam.examinee.batch_size = 2
    assert len(exam.ask(exam.holes(LIMIT), deadline)) == 4


def test_the_line_end_is_the_model_s_to_write_where_a_line_stands_before():
    asked = Sample(text("src/lib.rs", Role.SILENT), Kind.CHANGE)
    assert behind_line_end(asked, " // more\n    a();\n") == "    a();\n"
    assert behind_line_end(Sample((), Kind.CHANGE), "a();\nb();\n") == "a();\nb();\n"


@pytest.mark.parametrize(
    ("gains", "best", "worst"),
    [
        ([0, 0, 0], [], []),
        ([1, 0, 3, 5, 2], [5, 3, 2], []),
        ([-1, -5, 0, -2, -3], [], [-5, -3, -2]),
        ([-1, 4], [4], [-1]),
        ([0.4, -0.6], [], []),
    ],
)
def test_only_holes_with_a_gain_are_the_best_and_only_those_with_a_loss_the_worst(
    gains, best, worst, material, make_oracle, monkeypatch
):
    asked = ask(HoleExam(make_oracle([]), material, 0), limit=len(gains))
    gained = {id(each): gain for each, gain in zip(asked, gains, strict=True)}
    monkeypatch.setattr("codelm.evaluation.tasks.infilling_figures.gain", lambda each: gained[id(each)])
    monkeypatch.setattr("codelm.evaluation.tasks.infilling_figures.row", lambda each: gained[id(each)])
    found = hole_figures(asked)
    assert (found["best"], found["worst"]) == (best, worst)


def test_a_row_tells_where_the_hole_is_and_what_each_model_wrote(material, make_oracle, git, rust_repository):
    holes = HoleExam(make_oracle([]), material, 0).holes(LIMIT)
    asked = ask(HoleExam(make_oracle(holes), material, 0))
    for shown_row in hole_figures(asked)["best"]:
        lines = git(rust_repository, "show", f"{shown_row['commit']}:{shown_row['path']}").split("\n")
        first = shown_row["real"].split("\n")[0]
        assert lines[shown_row["line"] - 1] == first
        assert (shown_row["tuned"], shown_row["base"]) == (shown_row["real"], "")
        assert shown_row["before"] == "" or lines[shown_row["line"] - 2] == shown_row["before"].split("\n")[-2]
    known = record(asked[0])
    assert {(each["mode"], each["column"]) for each in known["answers"]} == set(asked[0].answers)
    assert known["kind"] in ("line", "block")


def test_a_random_model_goes_the_whole_way(make_material, rust_repository, make_examinee):
    material = make_material(rust_repository, sequence_length=64, formats=Formats(fim_rate=0.0))
    exam = HoleExam(make_examinee(room=64, batch_size=2), material, 0)
    found = hole_figures(ask(exam, limit=2))
    assert found["infill"]["real"]["exact"] == 1.0
    assert found["infill"]["tuned"]["exact"] == 0.0


def test_a_hole_at_the_begin_of_a_file_is_asked_for_behind_the_path(material, make_oracle):
    oracle = make_oracle([])
    exam = HoleExam(oracle, material, 0)
    exam.repositories["abc"] = "numbers"
    hole = Hole("abc", "src/new.rs", "rust", 0, "", "fn first_of_all() {}\n", "")
    oracle.answer = lambda ids: "\nfn first_of_all() {}\n"
    (asked,) = exam.ask([hole], SimpleNamespace(left=1.0))
    assert asked.answers["left_to_right", "tuned"].verdict.exact
    assert material.encoder.decode(oracle.prompts[-1]).endswith("src/new.rs")


def test_names_in_the_heading_of_a_prompt_count_as_shown(blocks, make_oracle, monkeypatch):
    judged = []
    monkeypatch.setattr("codelm.evaluation.tasks.infilling.judge", lambda *given: judged.append(given[2]))
    monkeypatch.setattr("codelm.evaluation.tasks.infilling.Answer", lambda *_: None)
    exam = HoleExam(make_oracle([]), blocks, 0)
    exam.examples = [("src/elsewhere.rs", text) for _, text in exam.examples]
    (hole,) = exam.holes(1)
    exam.ask([hole], Deadline(600))
    assert all({"blocks", "src/lib.rs"} <= set(each.split("\n")) for each in judged)
    assert ["src/elsewhere.rs" in each for each in judged] == [False, False, True, False, False, False, False]
    assert hole.before.rstrip().split("\n")[-1] in judged[0]


def test_what_a_prompt_shows_is_its_text_without_the_special_tokens():
    pieces = (*text("a name", Role.SILENT), Piece("<fim_prefix>", Role.SILENT, special=True), *text("b", Role.CONTEXT))
    assert shown(Sample(pieces, Kind.FIM)) == "a name\nb"


def test_of_a_long_example_the_part_is_shown_that_is_most_like_the_hole_s_surroundings(blocks, make_oracle):
    exam = HoleExam(make_oracle([]), blocks, 0)
    (hole,) = exam.holes(1)
    like = next(line for line in reversed(hole.before.split("\n")) if "first_" in line)
    exam.examples = [("src/lib.rs", "// far away\n" * 40 + like + "\n" + "// far away\n" * 40)]
    path, part = exam._example(hole, len(like) + 30)
    assert path == "src/lib.rs"
    assert like in part
    assert exam._example(hole, 2) is None


def test_of_a_long_history_some_files_of_some_commits_are_searched():
    changes = [HeldOutChange(commit, f"{name}.rs", "", ()) for commit in range(40) for name in range(20)]
    drawn = some_of_each(changes, 10, Random(1))
    assert drawn == sorted(drawn, key=changes.index)
    assert set(Counter(change.commit for change in drawn).values()) == {FILES}
    assert len({change.commit for change in drawn}) == 10
    assert some_of_each(changes[:5], 10, Random(1)) == changes[:5]
