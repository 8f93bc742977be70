import random

import pytest
import torch

from codelm.batch import IGNORE
from experiments.pretrain.loops import CONTEXT, SHORTEST_CONTEXT, loop_mask, sample_prompts, unlikelihood
from experiments.pretrain.train import Pretraining, Schedule, Shape

IDS = 50


@pytest.fixture
def model():
    torch.manual_seed(0)
    shape = Shape(vocabulary=IDS, width=32, layers=1, inner=64, heads=2, key_value_heads=1)
    module = Pretraining(shape, Schedule())
    module.configure_model()
    return module.model


@pytest.mark.parametrize(
    ("ids", "loop_from", "loop_to"),
    [
        ([1, 2, 3, 4, 5, 6] * 2, 12, 12),
        ([1, 2, 3, 4, 5, 6] * 3, 12, 18),
        ([7, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 8], 11, 13),
        ([9, 1, 1, 1, 1, 1, 8], 7, 7),
        ([9, 1, 1, 1, 1, 1, 1, 8], 6, 7),
        ([token for each in range(9) for token in (40, 41, each, 42)], 36, 36),
    ],
    ids=["one repetition", "third round", "part of it", "few equal tokens", "more equal tokens", "changes each round"],
)
def test_a_cycle_is_a_loop_from_its_third_round_on(ids, loop_from, loop_to):
    assert loop_mask(ids) == [loop_from <= place < loop_to for place in range(len(ids))]


def test_a_loop_that_began_in_the_prompt_is_unlikely_only_where_it_was_written(model):
    prompt = [7] * 12
    assert unlikelihood(model, [prompt], [[8, 9]]).item() == 0
    assert unlikelihood(model, [prompt], [[7, 7]]).item() > 0


def test_learning_makes_a_loop_less_likely(model):
    prompts, texts = [[1, 2, 3]], [[7] * 20]
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    before = unlikelihood(model, prompts, texts)
    for _ in range(5):
        optimizer.zero_grad()
        unlikelihood(model, prompts, texts).backward()
        optimizer.step()
    assert unlikelihood(model, prompts, texts).item() < 0.9 * before.item()


def test_padding_changes_nothing(model):
    short, long = ([1, 2], [7] * 12), ([3, 4], [8] * 20)
    alone = [unlikelihood(model, [prompt], [text]).item() * len(text) for prompt, text in (short, long)]
    together = unlikelihood(model, [short[0], long[0]], [short[1], long[1]]).item() * 32
    assert together == pytest.approx(sum(alone), rel=1e-5)


def test_a_prompt_is_one_sample_from_its_first_token_on():
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

    ids = torch.tensor([[7] * 40 + [0] * 200])
    positions = torch.tensor([[*range(40), *range(200)]])
    batch = {"input_ids": ids, "position_ids": positions, "labels": ids.masked_fill(ids == 0, IGNORE)}
    for seed in range(20):
        prompts = sample_prompts(batch, random.Random(seed))
        assert prompts
        assert all(set(prompt) == {7} for prompt in prompts)
