import numpy as np
import pytest

from codelm.token_healing import HealedPrompt

PHRASE = b"pub fn take(value: u64) -> Option<u64> { value.checked_add(1) }\n"


def texts(count=7):
    """Texts of odd lengths, the first token the end of text."""
    from codelm.special_tokens import SPECIAL_TOKENS

    return [
        np.array([0, *(len(SPECIAL_TOKENS) + byte for byte in (PHRASE * 2)[: 5 + 11 * number])])
        for number in range(count)
    ]


def alone(module, ids):
    """The nll of each token of one text, in nats, from the logits of the model called on this text alone."""
    import torch

    with torch.no_grad():
        logits = module.model(input_ids=torch.tensor(ids)[None]).logits[0].double()
    nll = -logits.log_softmax(-1)[:-1].gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]
    return np.concatenate([[0.0], nll.numpy()])


@pytest.mark.parametrize("base", [True, False])
@pytest.mark.parametrize("max_tokens", [80, 128])
def test_the_nll_of_a_text_in_a_packed_row_is_that_of_the_text_alone(make_evaluated, base, max_tokens):
    evaluated = make_evaluated(max_tokens=max_tokens)
    with evaluated.as_base(base):
        found = evaluated.token_nll(texts())
        wanted = [alone(evaluated.module, ids) for ids in texts()]
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_the_batch_size_does_not_change_the_nll(make_evaluated):
    one, many = (np.concatenate(make_evaluated(batch_size=size).token_nll(texts())) for size in (1, 50))
    np.testing.assert_allclose(one, many, rtol=1e-4, atol=1e-5)


def test_the_base_is_the_same_whatever_the_adapter_and_the_tuned_model_is_not(make_evaluated):
    small, large = make_evaluated(scale=0.1), make_evaluated(scale=1.0)
    tuned = [sum(nll.sum() for nll in each.token_nll(texts())) for each in (small, large)]
    with small.as_base(), large.as_base():
        base = [sum(nll.sum() for nll in each.token_nll(texts())) for each in (small, large)]
    assert base[0] == base[1]
    assert len({*tuned, base[0]}) == 3


def test_an_adapter_of_zeros_is_the_base(make_evaluated):
    evaluated = make_evaluated(scale=0)
    with evaluated.as_base():
        base = np.concatenate(evaluated.token_nll(texts()))
    np.testing.assert_array_equal(base, np.concatenate(evaluated.token_nll(texts())))


def test_the_nll_of_no_text_is_empty_and_that_of_a_single_token_is_zero(evaluated):
    assert evaluated.token_nll([]) == []
    (found,) = evaluated.token_nll([[5]])
    assert found.tolist() == [0.0]


def test_a_text_beyond_a_row_is_refused(make_evaluated):
    with pytest.raises(ValueError, match="does not fit"):
        make_evaluated(max_tokens=32).token_nll([np.arange(33)])


@pytest.mark.parametrize("base", [True, False])
def test_greedy_generation_takes_the_likeliest_token_each_time(make_evaluated, base):
    import torch

    evaluated = make_evaluated()
    prompt = texts()[3].tolist()
    with evaluated.as_base(base), torch.no_grad():
        (found,) = evaluated.generate_ids([prompt], evaluated.greedy(6))
        for token in found:
            logits = evaluated.module.model(input_ids=torch.tensor([prompt])).logits[0, -1]
            assert token == int(logits.argmax())
            prompt.append(token)


def test_prompts_of_other_lengths_in_the_batch_change_no_answer(evaluated):
    prompts = [HealedPrompt(each.tolist()) for each in texts()]
    alone = [next(evaluated.generate_texts([prompt], evaluated.greedy(5))) for prompt in prompts]
    assert list(evaluated.generate_texts(prompts, evaluated.greedy(5))) == alone


@pytest.mark.parametrize("typed", ["", "pub fn"])
def test_the_nll_behind_an_empty_prompt_is_that_at_the_start_of_a_text(evaluated, typed):
    from codelm.evaluation.model import continuation_nll

    found = continuation_nll(evaluated, [HealedPrompt([], typed)] * 2, [texts()[3][1:]] * 2)
    wanted = continuation_nll(evaluated, [HealedPrompt([0], typed)] * 2, [texts()[3][1:]] * 2)
    np.testing.assert_array_equal(found, wanted)
    assert (found[0][len(typed) :] > 0).all()


def test_an_empty_prompt_is_the_start_of_a_text(evaluated):
    nothing, begin = (list(evaluated.generate_texts([HealedPrompt(ids)], evaluated.greedy(5))) for ids in ([], [0]))
    assert nothing == begin


def test_after_an_error_the_model_is_the_tuned_one_again(evaluated):
    before = np.concatenate(evaluated.token_nll(texts()))
    with pytest.raises(RuntimeError), evaluated.as_base():
        raise RuntimeError
    np.testing.assert_array_equal(before, np.concatenate(evaluated.token_nll(texts())))


def test_what_time_ends_in_the_middle_of_is_dropped_and_the_model_is_as_before(evaluated, slow_layers):
    from codelm.evaluation.time_budget import TimeBudget

    def measure(ids):
        with evaluated.as_base():
            return float(evaluated.token_nll([ids])[0].sum())

    items = texts()[:4]  # the model has two layers: each item takes two seconds
    whole = evaluated.in_time(items, measure, TimeBudget(100))
    assert evaluated.in_time(items, measure, TimeBudget(5)) == whole[:2]
    assert slow_layers[0] <= 8 + 5 + 1
    assert evaluated.in_time(items, measure, TimeBudget(0)) == evaluated.in_time(items, measure, TimeBudget(1)) == []
    before, hooks = slow_layers[0], [len(each._forward_pre_hooks) for each in evaluated.module.modules()]
    assert measure(items[0]) == whole[0]
    assert (slow_layers[0] - before, set(hooks)) == (2, {0})


def test_nothing_is_begun_that_would_not_end_in_time(evaluated, slow_layers):
    from codelm.evaluation.time_budget import TimeBudget

    begun = []
    evaluated.in_time([1, 2, 3], lambda item: begun.append(item) or evaluated.token_nll([[5, 6]]), TimeBudget(3.5))
    assert begun == [1]


def test_a_long_task_says_how_far_it_is_also_within_a_batch(evaluated, slow_layers, caplog):
    from codelm.evaluation.time_budget import TimeBudget

    caplog.set_level("INFO")
    evaluated.in_time(
        [[[5, 6]] * 9, [[5, 6]]], lambda text: [evaluated.token_nll([ids]) for ids in text], TimeBudget(60)
    )
    assert caplog.messages == ["0 of 2 batches done, at most 44 s left for the others"]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9, 40])
def test_batches_hold_all_items_and_the_first_are_small(make_evaluated, count):
    found = make_evaluated(batch_size=8).batches(range(count))
    assert [item for batch in found for item in batch] == list(range(count))
    assert all(len(batch) <= most for batch, most in zip(found, (1, 1, 2, 4, 8, 8, 8, 8), strict=False))
    assert len(found) <= count // 8 + 4
