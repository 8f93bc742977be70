import time

import pytest

from codelm.inference.place import Place
from codelm.serving.generation_request import GenerationRequest
from codelm.serving.prompted_engine import PromptedEngine
from codelm.token_healing import HealedPrompt

SECONDS = 0.05
REQUEST = GenerationRequest(Place("a.rs", "fn a"))


class SlowPrompts:
    """Makes the same prompt for each place, in `SECONDS`."""

    row_tokens = 64

    def encode(self, places, new_tokens, files):
        time.sleep(SECONDS)
        return [HealedPrompt([1, 2, 3])]


class Engine(PromptedEngine):
    def write(self, prompt, request, stream):
        stream("x")
        time.sleep(SECONDS)
        return "x", True


@pytest.fixture
def engine():
    return Engine(SlowPrompts(), 8)


def test_the_time_to_the_first_token_includes_making_the_prompt(engine):
    completion = engine.generate(REQUEST, print, lambda: False)
    assert completion.prompt_tokens == 3
    assert completion.prompt_seconds >= SECONDS
    assert completion.completion_seconds >= SECONDS


def test_no_prompt_is_made_where_nothing_is_wanted(engine):
    for request, cancelled in ((GenerationRequest(REQUEST.place, max_tokens=0), False), (REQUEST, True)):
        assert engine.generate(request, print, lambda cancelled=cancelled: cancelled).prompt_tokens == 0
