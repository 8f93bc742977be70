import math

import numpy as np
import pytest

from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.tasks.likelihood import LARGEST_SNAPSHOT, chosen_text, likelihood, xz_baselines
from codelm.evaluation.time_budget import TimeBudget
from codelm.history.samples.formats import Formats
from codelm.history.samples.pieces import Role
from codelm.history.tokenization.decoding import TextRun
from codelm.special_tokens import END_OF_TEXT

MANY = 1_000_000


@pytest.fixture
def measure(data, make_evaluated):
    """Return a function that measures with an adapter of some size, in as much time as it takes."""
    return lambda scale=0.3, **options: likelihood(make_evaluated(scale=scale, **options), data, MANY, TimeBudget(600))


def added_lines(data):
    """The lines that the test split added."""
    return [
        line for change in data.test_changes() for start, stop in change.spans for line in lines(change)[start:stop]
    ]


def lines(change):
    return change.text.splitlines(keepends=True)


def size(found):
    return sum(len(line.encode()) for line in found)


def test_the_bytes_are_those_of_the_added_lines(measure, data):
    found = measure()
    added = added_lines(data)
    assert found["bytes"] == size(added)
    assert found["bytes_new"] == size(line for line in added if line.strip() not in data.known_lines)
    assert 0 < found["bytes_new"] < found["bytes"]
    assert found["tokens"] == found["bytes"]  # a token of this tokenizer is a byte
    assert sum(commit["bytes"] for commit in found["by_commit"]) == found["bytes"]


def test_the_first_token_of_a_sample_without_a_heading_has_no_bytes_as_nothing_predicts_it(
    make_data, make_repository, make_evaluated
):
    commits = [{f"{'long' * 20}.rs": f"fn only_{number}() {{}}\n"} for number in range(12)]
    data = make_data(make_repository(commits), formats=Formats(fim_rate=0.0))
    found = likelihood(make_evaluated(), data, MANY, TimeBudget(600))
    assert found["commits"] == 2
    assert found["bytes"] == found["tokens"] == sum(len(f"n only_{number}() {{}}\n") for number in (10, 11))


@pytest.mark.parametrize("base", [True, False])
def test_the_sum_is_the_loss_of_a_test_without_the_ends_of_texts(data, make_module, make_evaluated, base):
    import torch

    from codelm.datamodules.packed import PackedDataModule

    module = make_module()
    evaluated = make_evaluated(module)
    settings = {"context_weight": 0.0, "curriculum_epochs": 0.0, "seed": 1, "num_workers": 0}
    datamodule = PackedDataModule(sequence_length=evaluated.max_tokens, batch_size=2, **settings)
    datamodule.store = data.store
    with torch.no_grad(), evaluated.as_base(base):
        sums = (
            torch.stack([torch.stack(module.weighted_nll(batch)) for batch in datamodule.test_dataloader()])
            .double()
            .sum(0)
        )
        samples = data.test_samples(MANY)
        ends = [
            nll[place]
            for sample, nll in zip(samples, evaluated.token_nll([sample.ids for sample in samples]), strict=True)
            for place in np.flatnonzero(
                (sample.ids == data.encoder.special_ids[END_OF_TEXT]) & (sample.roles == Role.TARGET)
            )
        ]
    found = likelihood(evaluated, data, MANY, TimeBudget(600))
    nats = found["added"]["base" if base else "tuned"] * math.log(2) * found["bytes"]
    assert ends
    assert found["tokens"] == sums[1] - len(ends)
    assert nats == pytest.approx(float(sums[0]) - sum(ends), rel=1e-5)


def test_the_base_s_figures_do_not_depend_on_the_adapter_and_the_tuned_model_s_do(measure):
    one, two = measure(0.3), measure(0.6)
    for key in ("added", "new"):
        assert one[key]["base"] == two[key]["base"]
        assert len({one[key]["base"], one[key]["tuned"], two[key]["tuned"]}) == 3


def test_a_wrong_adapter_makes_the_future_harder_to_predict(measure, learned_base):
    found = measure(3.0, base=learned_base)
    assert found["new"]["tuned"] > 1.1 * found["new"]["base"]
    assert found["new"]["change_percent"] > 10
    assert found["new"]["perplexity_tuned"] > found["new"]["perplexity_base"]


def test_commits_come_in_the_order_of_the_history_with_their_own_numbers(measure, git, rust_repository):
    found = measure()
    count = len(found["by_commit"])
    log = git(rust_repository, "log", "--reverse", f"-{count}", "--format=%H %ct %s").splitlines()
    assert [f"{each['commit']} {each['time']} {each['subject']}" for each in found["by_commit"]] == log
    for model in ("base", "tuned"):
        total = sum(each[model] * each["bytes"] for each in found["by_commit"])
        assert found["added"][model] == pytest.approx(total / found["bytes"])


def test_the_xz_baselines_of_known_text_lie_below_those_of_text_alone(measure):
    found = measure()
    for name in ("floors", "floors_new"):
        assert 0 < found[name]["xz_given_snapshot"] < found[name]["xz"]


def test_the_xz_baselines_of_new_lines_are_of_the_text_whose_bytes_are_counted(measure, data, monkeypatch):
    texts = []
    monkeypatch.setattr(
        "codelm.evaluation.tasks.likelihood.xz_given",
        lambda _, *given, check: texts.append(given) or [1.0 for _ in given],
    )
    found = measure()
    ((added, new),) = texts
    assert (len(added), len(new)) == (found["bytes"], found["bytes_new"])
    assert new.decode() == "".join(line for line in added_lines(data) if line.strip() not in data.known_lines)


def test_a_character_of_several_tokens_stands_in_the_text_of_the_xz_baselines_once(encoder):
    text = "// 漢字の説明 🎉 é\n"
    ids, spans = encoder.locate(text)
    run = TextRun(0, text, np.array(spans))
    assert len(ids) > len(text)
    assert chosen_text(run, np.ones(len(ids), dtype=np.bool_)) == text


def test_a_snapshot_too_large_to_compress_has_no_floor(data):
    data.__dict__["snapshot"] = {"a.rs": "x" * (LARGEST_SNAPSHOT + 1)}
    nothing = {"floors": None, "floors_new": None}
    assert xz_baselines(data, "fn a() {}", "fn a() {}") == xz_baselines(data, "", "") == nothing


def test_without_whole_files_nothing_is_called_new(make_data, rust_repository, evaluated):
    data = make_data(rust_repository, formats=Formats(whole_files=False))
    found = likelihood(evaluated, data, MANY, TimeBudget(600))
    assert found["added"]["tuned"] > 0
    assert (found["new"], found["bytes_new"], found["floors_new"]) == (None, None, None)
    assert found["floors"]["xz"] > 0
    assert found["floors"]["xz_given_snapshot"] is None


def test_the_number_of_tokens_is_a_limit(measure, data, evaluated):
    found = likelihood(evaluated, data, 200, TimeBudget(600))
    whole = measure()
    assert 0 < found["commits"] < whole["commits"]
    assert found["read"] == {"commits": found["commits"], "of": 6, "left_out_by": "evaluation.tokens"}
    assert whole["read"] == {"commits": 6, "of": 6, "left_out_by": None}


def test_whole_commits_spread_over_the_split_are_scored_in_time_and_are_as_in_a_whole_evaluation(
    measure, data, make_evaluated
):
    evaluated = make_evaluated(max_tokens=512, batch_size=1)
    evaluated.in_time = lambda items, measure, budget: [measure(item) for item in items[:2]]
    found, whole = likelihood(evaluated, data, MANY, TimeBudget(600)), measure()
    assert found["read"] == {"commits": found["commits"], "of": 6, "left_out_by": "evaluation.minutes"}
    numbers = [each["commit"] for each in whole["by_commit"]]
    scored = [numbers.index(each["commit"]) for each in found["by_commit"]]
    assert scored == sorted(scored)
    assert scored not in ([], list(range(len(scored))))
    for place, each in zip(scored, found["by_commit"], strict=True):
        assert each["tuned"] == pytest.approx(whole["by_commit"][place]["tuned"], rel=1e-5)


def test_without_time_there_is_no_likelihood_and_without_time_to_compress_no_floor(data, evaluated, monkeypatch):
    with pytest.raises(UnmeasuredError, match=r"time allowed for none of 6 held-out commits: raise evaluation.minutes"):
        likelihood(evaluated, data, MANY, TimeBudget(0))
    budget = TimeBudget(600)
    monkeypatch.setattr(budget, "share", lambda fraction: TimeBudget(600))
    budget.ends = 0
    found = likelihood(evaluated, data, MANY, budget)
    assert (found["floors"], found["floors_new"], found["floors_left_out"]) == (None, None, True)
    assert found["commits"] == 6
