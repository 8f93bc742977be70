import random

import pytest
import torch

IDS = 50


@pytest.fixture
def model():
    from experiments.pretrain.train import Pretraining, Schedule, Shape

    torch.manual_seed(0)
    shape = Shape(vocabulary=IDS, width=32, layers=1, inner=64, heads=2, key_value_heads=1)
    module = Pretraining(shape, Schedule())
    module.configure_model()
    return module.model


def test_one_repetition_of_a_cycle_is_no_loop():
    from experiments.pretrain.loops import loop_mask

    assert not any(loop_mask([1, 2, 3, 4, 5, 6] * 2))


def test_from_the_third_round_on_a_cycle_is_a_loop():
    from experiments.pretrain.loops import loop_mask

    assert loop_mask([1, 2, 3, 4, 5, 6] * 3) == [False] * 12 + [True] * 6


def test_a_few_equal_tokens_are_no_loop():
    from experiments.pretrain.loops import loop_mask

    assert not any(loop_mask([9, 1, 1, 1, 1, 1, 8]))
    assert loop_mask([9, 1, 1, 1, 1, 1, 1, 8]) == [False] * 6 + [True, False]


def test_what_changes_each_round_is_no_loop():
    from experiments.pretrain.loops import loop_mask

    assert not any(loop_mask([token for each in range(9) for token in (40, 41, each, 42)]))


def test_a_loop_that_began_in_the_prompt_is_unlikely_only_where_it_was_written(model):
    from experiments.pretrain.loops import unlikelihood

    prompt = [7] * 12
    assert unlikelihood(model, [prompt], [[8, 9]]).item() == 0
    assert unlikelihood(model, [prompt], [[7, 7]]).item() > 0


def test_learning_makes_a_loop_less_likely(model):
    from experiments.pretrain.loops import unlikelihood

    prompts, texts = [[1, 2, 3]], [[7] * 20]
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    before = unlikelihood(model, prompts, texts)
    for _ in range(5):
        optimizer.zero_grad()
        unlikelihood(model, prompts, texts).backward()
        optimizer.step()
    assert unlikelihood(model, prompts, texts).item() < 0.9 * before.item()


def test_padding_changes_nothing(model):
    from experiments.pretrain.loops import unlikelihood

    short, long = ([1, 2], [7] * 12), ([3, 4], [8] * 20)
    alone = [unlikelihood(model, [prompt], [text]).item() * len(text) for prompt, text in (short, long)]
    together = unlikelihood(model, [short[0], long[0]], [short[1], long[1]]).item() * 32
    assert together == pytest.approx(sum(alone), rel=1e-5)


def test_a_prompt_is_one_sample_from_its_first_token_on():
    from experiments.pretrain.loops import CONTEXT, SHORTEST_CONTEXT, sample_prompts

    samples = [300, 40, 10, 700]
    positions = torch.cat([torch.arange(length) for length in samples])
    owners = torch.cat([torch.full((length,), number) for number, length in enumerate(samples)])
    ids = (1000 * owners + positions).unsqueeze(0)
    batch = {"input_ids": ids, "position_ids": positions.unsqueeze(0), "labels": ids}
    for seed in range(20):
        for found in sample_prompts(batch, random.Random(seed)):
            assert SHORTEST_CONTEXT <= len(found) <= CONTEXT
            assert found == list(range(found[0], found[0] + len(found)))
            assert found[0] % 1000 == 0


def test_padding_is_no_prompt():
    from codelm.batch import IGNORE
    from experiments.pretrain.loops import sample_prompts

    ids = torch.tensor([[7] * 40 + [0] * 200])
    positions = torch.tensor([[*range(40), *range(200)]])
    batch = {"input_ids": ids, "position_ids": positions, "labels": ids.masked_fill(ids == 0, IGNORE)}
    for seed in range(20):
        prompts = sample_prompts(batch, random.Random(seed))
        assert prompts
        assert all(set(prompt) == {7} for prompt in prompts)
