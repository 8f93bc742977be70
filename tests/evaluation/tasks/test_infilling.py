from collections import Counter
from random import Random

import pytest

from codelm.evaluation.tasks.infilling import InfillEvaluation, draw_changes
from codelm.evaluation.tasks.infilling_figures import infill_figures, record, report_row
from codelm.evaluation.time_budget import TimeBudget
from codelm.history.held_out_changes import HeldOutChange
from codelm.history.samples.formats import Formats
from codelm.history.tokenization.decoding import decode
from codelm.metrics.infill_tasks import InfillTask
from codelm.special_tokens import LEFT_TO_RIGHT

LIMIT = 12

pytestmark = pytest.mark.usefixtures("few_texts")


def real(tasks, prompt, encoder):
    """Return the real text that a prompt asks for; nothing where it is of none of the tasks."""
    ids = list(map(int, prompt.ids))
    infill = encoder.special_ids["<fim_middle>"] in ids
    place = ids.index(encoder.special_ids["<fim_suffix>"]) if infill else len(ids)
    path, _, before = (decode(ids[:place], encoder)[-1].text + prompt.typed).partition("\n")
    after = encoder.decode(ids[place + 1 : -1]) if infill else ""
    fitting = (each for each in tasks if each.path == path and each.before.endswith(before))
    task = next((each for each in fitting if each.after.startswith(after)), None)
    if task is None or infill:
        return "" if task is None else task.text
    return task.text + task.after


@pytest.fixture
def make_oracle(make_reciter, encoder):
    """Return a class of models that write the real text of tasks, as tuned or as both."""
    from codelm.modules.generation import Generated

    class Oracle(make_reciter):
        def __init__(self, tasks, *, base_too=False):
            super().__init__([])
            self.tasks = tasks
            self.base_too = base_too

        def generate_texts(self, prompts, sampling, complete=()):
            for prompt in prompts:
                self.prompts.append(list(map(int, prompt.ids)))
                yield Generated(self.answer(prompt), stopped=True)

        def answer(self, prompt):
            if self.base and not self.base_too:
                return ""
            return real(self.tasks, prompt, encoder)

    return Oracle


@pytest.fixture
def blocks(make_repository, make_data):
    """Data of blocks with blank lines and indentation before them, the kind of task depending on the commit."""

    def source(number):
        items = [
            f"pub fn made_{n}(value: u64) -> u64 {{\n    let first_{n} = value + {n * 31};\n"
            + (f"    let second_{n} = first_{n} * {n + 5};\n" if number > n + 3 else "")
            + f"    first_{n}\n}}\n"
            for n in range(number + 1)
        ]
        return "\n".join(items)

    return make_data(
        make_repository([{"src/lib.rs": source(number)} for number in range(24)], name="blocks"), sequence_length=512
    )


def answer(evaluation, limit=LIMIT):
    return evaluation.answer(evaluation.tasks(limit), TimeBudget(600))


@pytest.mark.parametrize("source", ["data", "blocks"])
def test_a_model_that_writes_the_real_text_has_the_best_scores(source, request, make_oracle):
    data = request.getfixturevalue(source)
    tasks = InfillEvaluation(make_oracle([]), data, 0).tasks(LIMIT)
    answered = answer(InfillEvaluation(make_oracle(tasks), data, 0))
    found = infill_figures(answered)
    assert len(answered) == len(tasks) == found["tasks"] > 3
    for mode in ("infill", "left_to_right"):
        shares = found[mode]["tuned"]
        assert [shares[name] for name in ("exact", "identifiers", "valid")] == [1.0, 1.0, 1.0]
        assert [shares[name] for name in ("tasks", "similarity", "empty", "runaway")] == [len(tasks), 100.0, 0.0, 0.0]
        assert found[mode]["tuned"]["own_names"] == found[mode]["real"]["own_names"]
        assert found[mode]["base"]["empty"] == 1.0
        assert found[mode]["exact_match"] == {"won": len(tasks), "lost": 0, "same": 0}
        assert found[mode]["exact_difference"]["estimate"] == 1.0
        assert found[mode]["similarity_difference"]["estimate"] > 90


def test_equal_answers_change_nothing(data, make_oracle):
    tasks = InfillEvaluation(make_oracle([]), data, 0).tasks(LIMIT)
    found = infill_figures(answer(InfillEvaluation(make_oracle(tasks, base_too=True), data, 0)))
    for mode in ("infill", "left_to_right"):
        assert found[mode]["base"] == found[mode]["tuned"]
        assert found[mode]["exact_match"] == {"won": 0, "lost": 0, "same": len(tasks)}
        assert found[mode]["exact_difference"]["estimate"] == 0.0


def test_no_left_to_right_prompt_ends_in_white_space(blocks, make_oracle):
    oracle = make_oracle(InfillEvaluation(make_oracle([]), blocks, 0).tasks(LIMIT))
    answer(InfillEvaluation(oracle, blocks, 0))
    open_ended = [ids for ids in oracle.prompts if blocks.encoder.special_ids["<fim_middle>"] not in ids]
    assert open_ended
    for ids in open_ended:
        shown = decode(ids, blocks.encoder)[-1].text
        assert shown == shown.rstrip() != ""


def test_no_prompt_shows_the_real_text(blocks, make_oracle):
    oracle = make_oracle([])
    evaluation = InfillEvaluation(oracle, blocks, 0)
    for task in evaluation.tasks(LIMIT):
        oracle.prompts.clear()
        evaluation.answer([task], TimeBudget(600))
        assert len(oracle.prompts) == 5
        assert not [ids for ids in oracle.prompts if task.text in blocks.encoder.decode(ids)]


def test_the_base_also_answers_with_an_example_from_training(blocks, make_oracle):
    oracle = make_oracle([])
    answered = answer(InfillEvaluation(oracle, blocks, 0), limit=1)
    assert set(answered[0].answers) == {
        *(("infill", system) for system in ("base", "retrieval", "tuned", "real")),
        *(("left_to_right", system) for system in ("base", "tuned", "real")),
    }
    plain, example, tuned = (decode(ids, blocks.encoder) for ids in oracle.prompts[:3])
    assert [run.text for run in plain] == [run.text for run in tuned]
    assert len(example) == len(plain) + 1
    path, _, piece = example[1].text.partition("\n")
    assert path == "src/lib.rs"
    assert piece
    assert any(piece in text for _, text in InfillEvaluation(oracle, blocks, 0).examples)


def test_prompts_have_the_name_of_the_task_s_own_repository(make_data, make_repository, make_oracle):
    def history(word):
        return [
            {f"{word}.rs": "".join(f"fn {word}_{n}() {{ {word}({n * 97}) }}\n" for n in range(m + 1))}
            for m in range(12)
        ]

    data = make_data(*(make_repository(history(word), name=f"the-{word}") for word in ("oak", "pine")))
    oracle = make_oracle([])
    answered = answer(InfillEvaluation(oracle, data, 0), limit=8)
    assert {each.task.path for each in answered} == {"oak.rs", "pine.rs"}
    for ids in oracle.prompts:
        name, *_, last = (run.text for run in decode(ids, data.encoder))
        assert name in ("the-oak", "the-pine")
        assert name.removeprefix("the-") in last


def test_a_tokenizer_without_infill_tokens_has_left_to_right_tasks_alone(data, make_oracle, monkeypatch):
    monkeypatch.setattr(data.encoder, "format", LEFT_TO_RIGHT)
    answered = answer(InfillEvaluation(make_oracle([]), data, 0))
    found = infill_figures(answered)
    assert "infill" not in found
    assert {report_row(each)["mode"] for each in answered} == {"left_to_right"}
    assert "retrieval" not in found["left_to_right"]


def test_code_is_preferred_to_prose(make_data, make_repository, make_oracle):
    words = ["alder", "birch", "cedar", "dogwood", "elm", "fir", "gingko", "hazel", "ivy", "juniper", "larch"]

    def files(number):
        code = (f"pub fn {word}() -> Tree {{\n    Tree::of({word.upper()})\n}}\n" for word in words[: number + 1])
        return {"lib.rs": "".join(code), "README.md": "".join(f"The {word} is a tree.\n\n" for word in words[:number])}

    data = make_data(make_repository([files(number) for number in range(len(words))]))
    assert {task.language for task in InfillEvaluation(make_oracle([]), data, 0).tasks(LIMIT)} == {"rust"}


def test_tasks_are_the_same_for_a_seed_and_no_more_than_the_limit(data, make_oracle):
    one, two, other = (InfillEvaluation(make_oracle([]), data, seed).tasks(4) for seed in (1, 1, 2))
    assert one == two
    assert len(one) == 4
    assert one != other


def test_the_tasks_without_time_left_are_not_the_long_ones(data, make_oracle):
    orders = []
    for seed in range(8):
        evaluation = InfillEvaluation(make_oracle([]), data, seed)
        evaluation.evaluated.prompts_at_a_time = 2
        tasks = evaluation.tasks(LIMIT)
        lengths = [len(task.text) for batch in evaluation._batches(tasks) for task in batch]
        assert sorted(lengths) == sorted(len(task.text) for task in tasks)
        orders.append(lengths[:2] == sorted(lengths)[:2])
    assert not all(orders)


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
def test_only_tasks_with_a_gain_are_the_best_and_only_those_with_a_loss_the_worst(
    gains, best, worst, data, make_oracle, monkeypatch
):
    answered = answer(InfillEvaluation(make_oracle([]), data, 0), limit=len(gains))
    gained = {id(each): gain for each, gain in zip(answered, gains, strict=True)}
    monkeypatch.setattr("codelm.evaluation.tasks.infilling_figures.gain", lambda each: gained[id(each)])
    monkeypatch.setattr("codelm.evaluation.tasks.infilling_figures.report_row", lambda each: gained[id(each)])
    found = infill_figures(answered)
    assert (found["best"], found["worst"]) == (best, worst)


def test_a_row_has_the_place_of_the_task_and_the_text_of_each_model(data, make_oracle, git, rust_repository):
    tasks = InfillEvaluation(make_oracle([]), data, 0).tasks(LIMIT)
    answered = answer(InfillEvaluation(make_oracle(tasks), data, 0))
    for shown_row in infill_figures(answered)["best"]:
        lines = git(rust_repository, "show", f"{shown_row['commit']}:{shown_row['path']}").split("\n")
        first = shown_row["real"].split("\n")[0]
        assert lines[shown_row["line"] - 1] == first
        assert (shown_row["tuned"], shown_row["base"]) == (shown_row["real"], "")
        assert shown_row["before"] == "" or lines[shown_row["line"] - 2] == shown_row["before"].split("\n")[-2]
    known = record(answered[0])
    assert {(each["mode"], each["column"]) for each in known["answers"]} == set(answered[0].answers)
    assert known["kind"] in ("line", "block")


def test_a_random_model_answers_in_all_modes(make_data, rust_repository, make_evaluated):
    data = make_data(rust_repository, sequence_length=64, formats=Formats(fim_rate=0.0))
    evaluation = InfillEvaluation(make_evaluated(max_tokens=64, batch_size=2), data, 0)
    found = infill_figures(answer(evaluation, limit=2))
    assert found["infill"]["real"]["exact"] == 1.0
    assert found["infill"]["tuned"]["exact"] == 0.0


def test_the_prompt_of_a_task_at_the_start_of_a_file_ends_with_the_path(data, make_oracle):
    oracle = make_oracle([])
    evaluation = InfillEvaluation(oracle, data, 0)
    evaluation.repositories["abc"] = "numbers"
    task = InfillTask("abc", "src/new.rs", "rust", 0, "", "fn first_of_all() {}\n", "")
    oracle.answer = lambda ids: "\nfn first_of_all() {}\n"
    (answered,) = evaluation.answer([task], TimeBudget(600))
    assert answered.answers["left_to_right", "tuned"].score.exact
    assert data.encoder.decode(oracle.prompts[-1]).endswith("src/new.rs")


def test_names_in_the_heading_of_a_prompt_count_as_shown(blocks, make_oracle, monkeypatch):
    shown = []
    monkeypatch.setattr("codelm.evaluation.tasks.infilling.score", lambda *given: shown.append(given[2]))
    monkeypatch.setattr("codelm.evaluation.tasks.infilling.Answer", lambda *_: None)
    evaluation = InfillEvaluation(make_oracle([]), blocks, 0)
    evaluation.examples = [("src/elsewhere.rs", text) for _, text in evaluation.examples]
    (task,) = evaluation.tasks(1)
    evaluation.answer([task], TimeBudget(600))
    assert all({"blocks", "src/lib.rs"} <= set(each.split("\n")) for each in shown)
    assert ["src/elsewhere.rs" in each for each in shown] == [False, False, True, False, False, False, False]
    assert task.before.rstrip().split("\n")[-1] in shown[0]


def test_of_a_long_example_the_part_most_similar_to_the_task_s_surroundings_is_shown(blocks, make_oracle):
    evaluation = InfillEvaluation(make_oracle([]), blocks, 0)
    (task,) = evaluation.tasks(1)
    like = next(line for line in reversed(task.before.split("\n")) if "first_" in line)
    evaluation.examples = [("src/lib.rs", "// far away\n" * 40 + like + "\n" + "// far away\n" * 40)]
    path, part = evaluation._example(task, len(like) + 30)
    assert path == "src/lib.rs"
    assert like in part
    assert evaluation._example(task, 2) is None


def test_of_a_long_history_some_files_of_some_commits_are_searched(monkeypatch):
    monkeypatch.setattr("codelm.evaluation.tasks.infilling._FILES_PER_COMMIT", 6)
    changes = [HeldOutChange(commit, f"{name}.rs", "", ()) for commit in range(40) for name in range(20)]
    drawn = draw_changes(changes, 10, Random(1))
    assert drawn == sorted(drawn, key=changes.index)
    assert set(Counter(change.commit for change in drawn).values()) == {6}
    assert len({change.commit for change in drawn}) == 10
    assert draw_changes(changes[:5], 10, Random(1)) == changes[:5]
