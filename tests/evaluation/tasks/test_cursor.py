import pytest

from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.tasks.cursor import (
    SHAPES,
    answer_of,
    chosen_cursor_tasks,
    cursor,
    cursor_prompt,
    cursor_tasks,
)
from codelm.evaluation.tasks.infilling import InfillEvaluation
from codelm.evaluation.time_budget import TimeBudget
from codelm.metrics.infill_tasks import InfillTask
from codelm.special_tokens import LEFT_TO_RIGHT

LIMIT = 4

pytestmark = pytest.mark.usefixtures("few_texts")


@pytest.fixture
def data(make_data, rust_repository):
    return make_data(rust_repository, sequence_length=512)


@pytest.fixture
def evaluation(make_evaluated, data):
    return InfillEvaluation(make_evaluated(max_tokens=512), data, 0)


def test_tuned_and_base_of_equal_weights_differ_in_nothing(make_evaluated, data):
    found = cursor(InfillEvaluation(make_evaluated(scale=0.0, max_tokens=512), data, 0), LIMIT, TimeBudget(600))
    for shape in SHAPES:
        assert found[shape]["base"] == found[shape]["tuned"]
        assert found[shape]["change_percent"] == 0.0
        assert found[shape]["exact_difference"]["estimate"] == 0.0
    assert found["asked"]["tasks"] == found["asked"]["of"] == sum(found[shape]["tasks"] for shape in SHAPES)


def test_an_adapter_changes_the_bits_of_the_tuned_model_alone(make_evaluated, data):
    models = (make_evaluated(scale=scale, max_tokens=512) for scale in (0.0, 0.3))
    plain, tuned = (cursor(InfillEvaluation(model, data, 0), LIMIT, TimeBudget(600)) for model in models)
    bits = {name: plain["rest_of_line"][name]["bits_per_byte"] for name in ("base", "tuned")}
    assert tuned["rest_of_line"]["base"]["bits_per_byte"] == pytest.approx(bits["base"])
    assert tuned["rest_of_line"]["tuned"]["bits_per_byte"] != pytest.approx(bits["tuned"])


def test_the_bits_are_those_of_the_real_text_behind_the_prompt(evaluation, encoder):
    """Against the sum over a row that is made by hand, token after token: what was typed is certain with its bytes."""
    import torch

    tasks = [cut for task in evaluation.tasks(1) for cut in cursor_tasks(task, evaluation.data.known_lines)]
    found = cursor(evaluation, 1, TimeBudget(600))
    module = evaluation.evaluated.module
    for each in tasks:
        [prompt] = encoder.encode_prompts([cursor_prompt(evaluation, each.task)])
        typed, text = (encoder.locate(text)[0] for text in (prompt.typed, each.task.text))
        shown = [*prompt.ids, *typed]
        with torch.inference_mode():
            logits = module.model(input_ids=torch.tensor([shown + text])).logits[0].log_softmax(-1)
        nats = -sum(float(logits[len(shown) + place - 1, token]) for place, token in enumerate(text))
        bits = nats / len(each.task.text.encode()) / 0.6931471805599453
        assert found[each.shape]["tuned"]["bits_per_byte"] == pytest.approx(bits, rel=1e-3)


def test_the_parts_of_a_cut_file_are_the_file(evaluation):
    for task in evaluation.tasks(LIMIT):
        for each in cursor_tasks(task, frozenset()):
            cut = each.task
            assert cut.before + cut.text + cut.after == task.before + task.text + task.after
            assert "\n" not in cut.text
            assert cut.before.rpartition("\n")[2].strip()
            assert cut.after.startswith("\n") or each.shape == "inside_line"


def test_lines_that_the_snapshot_holds_are_not_asked_for(evaluation):
    [task, *_] = evaluation.tasks(LIMIT)
    known = frozenset(line.strip() for line in task.text.split("\n"))
    assert list(cursor_tasks(task, known)) == []


def test_a_line_inside_a_comment_that_begins_before_the_hunk_is_not_asked_for():
    """The hunk alone would look like code, and what stands behind the end of the comment like a comment."""
    parts = {"before": 'def area(width):\n    """Return it\n\n', "after": "    return area\n"}
    text = '    in square units.\n    """\n    area = width * width\n'
    task = InfillTask("c0ffee", "a.py", "python", 3, text=text, **parts)
    assert {each.task.start for each in cursor_tasks(task, frozenset())} == {5}


def test_what_is_longer_than_a_row_is_left_out(make_evaluated, make_data, make_repository):
    short = [f"fn add_{number}() {{\n    first_{number} + second_{number}\n}}\n" for number in range(24)]
    long = f"const ALL: [u8; 500] = [{'zero, ' * 500}];\n"
    commits = [{"all.rs": "".join(short[:12])}, *({f"{each}.rs": short[each]} for each in range(12, 24))]
    data = make_data(make_repository([*commits, {"all.rs": "".join(short[:12]) + long}]), sequence_length=512)
    evaluation = InfillEvaluation(make_evaluated(max_tokens=512), data, 0)
    assert any(long in task.text for task in evaluation.tasks(9))
    assert cursor(evaluation, 9, TimeBudget(600))["rest_of_line"]["tasks"] > 0
    assert not any(each.task.path == "all.rs" for each in chosen_cursor_tasks(evaluation, 9))


def test_no_prompt_shows_the_real_text_and_each_shows_what_follows(evaluation, encoder):
    for task in evaluation.tasks(LIMIT):
        for each in cursor_tasks(task, frozenset()):
            [(ids, typed)] = encoder.encode_prompts([cursor_prompt(evaluation, each.task)])
            before, _, after = encoder.decode(ids).partition("<fim_suffix>")
            assert (before + typed).endswith(each.task.before.rpartition("\n")[2])
            assert after.startswith(each.task.after.partition("\n")[0])


def test_a_tokenizer_without_infill_tokens_is_asked_left_to_right(evaluation, data, monkeypatch):
    monkeypatch.setattr(data.encoder, "format", LEFT_TO_RIGHT)
    found = cursor(InfillEvaluation(evaluation.evaluated, data, 0), LIMIT, TimeBudget(600))
    assert found["rest_of_line"]["tasks"] > 0


def test_the_real_text_is_encoded_as_one_that_goes_on(evaluation, encoder, monkeypatch):
    """Where a text begins, SentencePiece's tokenizers put a space; behind a cursor there is none."""
    located = []
    locate = type(encoder).locate

    def record(self, text, *, inside=False):
        located.append(inside)
        return locate(self, text, inside=inside)

    monkeypatch.setattr(type(encoder), "locate", record)
    cursor(evaluation, 1, TimeBudget(600))
    assert located
    assert all(located)


def test_an_answer_ends_with_its_line():
    assert answer_of("value);\nlet next") == "value);"
    assert answer_of("value") == "value"


def test_without_a_line_to_cut_there_is_one_reason(evaluation, monkeypatch):
    monkeypatch.setattr(evaluation, "tasks", lambda limit: [])
    with pytest.raises(UnmeasuredError, match=r"raise data\.held_out"):
        cursor(evaluation, LIMIT, TimeBudget(600))


def test_without_time_there_is_one_reason(evaluation):
    with pytest.raises(UnmeasuredError, match=r"none of \d+ cursor tasks: raise evaluation\.minutes"):
        cursor(evaluation, LIMIT, TimeBudget(0))
