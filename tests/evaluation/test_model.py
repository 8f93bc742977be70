import numpy as np
import pytest

PHRASE = b"pub fn take(value: u64) -> Option<u64> { value.checked_add(1) }\n"


def texts(count=7):
    """Texts of odd lengths, the first token the end of text."""
    from codelm.history.samples.formats import SENTINELS

    return [
        np.array([0, *(len(SENTINELS) + byte for byte in (PHRASE * 2)[: 5 + 11 * number])]) for number in range(count)
    ]


def alone(module, ids):
    """The nats of each token of one text, from the logits of the model called on it and nothing else."""
    import torch

    with torch.no_grad():
        logits = module.model(input_ids=torch.tensor(ids)[None]).logits[0].double()
    costs = -logits.log_softmax(-1)[:-1].gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]
    return np.concatenate([[0.0], costs.numpy()])


@pytest.mark.parametrize("base", [True, False])
@pytest.mark.parametrize("room", [80, 128])
def test_a_text_costs_in_a_packed_row_what_it_costs_alone(make_examinee, base, room):
    examinee = make_examinee(room=room)
    with examinee.as_base(base):
        found = examinee.surprise(texts())
        wanted = [alone(examinee.module, ids) for ids in texts()]
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_the_batch_size_changes_no_cost(make_examinee):
    one, many = (make_examinee(batch_size=size).surprise(texts()) for size in (1, 50))
    for single, together in zip(one, many, strict=True):
        np.testing.assert_allclose(single, together, rtol=1e-4, atol=1e-5)


def test_the_base_is_the_same_whatever_the_adapter_and_the_tuned_model_is_not(make_examinee):
    small, large = make_examinee(scale=0.1), make_examinee(scale=1.0)
    tuned = [sum(cost.sum() for cost in each.surprise(texts())) for each in (small, large)]
    with small.as_base(), large.as_base():
        base = [sum(cost.sum() for cost in each.surprise(texts())) for each in (small, large)]
    assert base[0] == base[1]
    assert len({*tuned, base[0]}) == 3


def test_an_adapter_of_zeros_is_the_base(make_examinee):
    examinee = make_examinee(scale=0)
    with examinee.as_base():
        base = examinee.surprise(texts())
    for one, two in zip(base, examinee.surprise(texts()), strict=True):
        np.testing.assert_array_equal(one, two)


def test_nothing_and_a_single_token_cost_nothing(examinee):
    assert examinee.surprise([]) == []
    (found,) = examinee.surprise([[5]])
    assert found.tolist() == [0.0]


def test_a_text_beyond_a_row_is_refused(make_examinee):
    with pytest.raises(ValueError, match="does not fit"):
        make_examinee(room=32).surprise([np.arange(33)])


def test_a_batch_has_each_text_in_a_place_of_its_own_and_padding_apart():
    from codelm.evaluation.model import batch_of

    batch = batch_of([[[7, 8], [9]], [[6]]])
    assert batch["input_ids"].tolist() == [[7, 8, 9], [6, 0, 0]]
    assert batch["position_ids"].tolist() == [[0, 1, 0], [0, 0, 1]]
    assert batch["labels"].tolist() == [[7, 8, 9], [6, -100, -100]]


@pytest.mark.parametrize("base", [True, False])
def test_what_is_written_is_the_likeliest_token_after_token(make_examinee, base):
    import torch

    examinee = make_examinee()
    prompt = texts()[3].tolist()
    with examinee.as_base(base), torch.no_grad():
        (found,) = examinee.continuations([prompt], examinee.greedy(6))
        for token in found:
            logits = examinee.module.model(input_ids=torch.tensor([prompt])).logits[0, -1]
            assert token == int(logits.argmax())
            prompt.append(token)


def test_prompts_of_other_lengths_beside_it_change_no_answer(examinee):
    prompts = [each.tolist() for each in texts()]
    alone = [next(examinee.write([prompt], examinee.greedy(5))) for prompt in prompts]
    assert list(examinee.write(prompts, examinee.greedy(5))) == alone


def test_an_empty_prompt_is_the_begin_of_a_text(examinee):
    nothing, begin = (list(examinee.write([prompt], examinee.greedy(5))) for prompt in ([], [0]))
    assert nothing == begin


def test_after_a_failure_the_tuned_model_answers(examinee):
    before = examinee.surprise(texts())
    with pytest.raises(RuntimeError), examinee.as_base():
        raise RuntimeError
    for one, two in zip(before, examinee.surprise(texts()), strict=True):
        np.testing.assert_array_equal(one, two)
