"""A small history as evaluation data, and a model of some ten thousand random weights to evaluate on it."""

from contextlib import contextmanager
from itertools import count

import pytest

HELD_OUT = 0.3
LENGTH = 128


def without_progress(items, total, description):
    return items


@pytest.fixture(scope="session")
def encoder(tiny_base):
    """The encoder of the tiny base."""
    from codelm.bases.tokenizer import load_tokenizer
    from codelm.history.tokenization.encoder import Encoder

    return Encoder(load_tokenizer(str(tiny_base), None))


@pytest.fixture
def make_data(tmp_path, encoder):
    """Return a function that makes the data of repositories: ``make_data(folder, sequence_length=256)``."""
    from codelm.evaluation.data import EvaluationData
    from codelm.git.repository import open_repository
    from codelm.history.build import build_store
    from codelm.history.filters.settings import Filters
    from codelm.history.samples.formats import Formats
    from codelm.history.store import new_store, open_store
    from codelm.history.store_settings import StoreSettings

    numbers = count()

    def make(*folders, sequence_length=LENGTH, formats=None, learned=None, encoder=encoder):
        ignored = Filters(ignore=["target/", "Cargo.lock"])
        recipe = StoreSettings(sequence_length, ignored, formats or Formats(), HELD_OUT, max_commits=None, seed=1)
        store = tmp_path / f"store-{next(numbers)}"
        with new_store(store) as (writer, facts):
            facts |= build_store(
                [open_repository(folder) for folder in folders], recipe, encoder, writer, without_progress
            )
        return EvaluationData(open_store(store), encoder, learned)

    return make


@pytest.fixture
def data(make_data, rust_repository):
    return make_data(rust_repository)


@pytest.fixture(scope="session")
def learned_base(tiny_base, tmp_path_factory):
    """A folder with the tiny base after sixty steps on general code: it knows something that can be lost."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from codelm.evaluation.general import own_texts

    torch.manual_seed(0)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny_base), AutoTokenizer.from_pretrained(tiny_base)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    rows = tokenizer(own_texts()[0].text, return_tensors="pt").input_ids[0].unfold(0, 64, 5)
    for _ in range(60):
        ids = rows[torch.randint(len(rows), (16,))]
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    folder = tmp_path_factory.mktemp("learned")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def make_module(tiny_base):
    """Return a function that makes a module whose adapter has weights of size ``scale``; 0 changes nothing."""
    import torch

    from codelm.modules import LoRA, LoRACausalLM

    def make(scale=0.3, base=tiny_base):
        torch.manual_seed(3)
        module = LoRACausalLM(str(base), quantization="none", lora=LoRA(r=2, targets=["q_proj", "v_proj", "c_fc"]))
        module.configure_model()
        with torch.no_grad():
            for name, parameter in module.trained():
                if "lora_B" in name:
                    parameter.normal_(0, scale) if scale else parameter.zero_()
        return module.eval().requires_grad_(False)

    return make


@pytest.fixture
def make_evaluated(make_module):
    """Return a function that makes an `EvaluatedModel` with small rows and batches."""
    from codelm.evaluation.model import EvaluatedModel

    def make(module=None, max_tokens=LENGTH, batch_size=3, **settings):
        return EvaluatedModel(module or make_module(**settings), max_tokens=max_tokens, batch_size=batch_size)

    return make


@pytest.fixture
def evaluated(make_evaluated):
    return make_evaluated()


@contextmanager
def as_base(self, base=True):
    self.base = base
    yield
    self.base = False


def continuation(prompt, texts):
    """Return what follows the tokens of a prompt in the first text that holds them; nothing where none does."""
    for ids in (list(map(int, text)) for text in texts):
        for start in range(len(ids) - len(prompt) + 1):
            if ids[start : start + len(prompt)] == prompt:
                return ids[start + len(prompt) :]
    return []


@pytest.fixture
def make_reciter(encoder):
    """Return a class of models that know texts by heart: they continue a prompt as the texts do.

    As tuned it knows ``tuned``, as base ``base``; after any other prompt it stops.
    """
    import torch

    from codelm.evaluation.model import EvaluatedModel
    from codelm.modules.generation import Generated

    answer_as = as_base

    class Reciter(EvaluatedModel):
        as_base = answer_as

        def __init__(self, tuned, base=()):
            super().__init__(torch.nn.Module(), max_tokens=1024, batch_size=4)
            self.texts = {True: list(base), False: list(tuned)}
            self.base = False
            self.prompts = []

        def generate_ids(self, prompts, sampling):
            for prompt in prompts:
                self.prompts.append(list(map(int, prompt)))
                yield continuation(self.prompts[-1], self.texts[self.base])[: sampling.max_new_tokens]

        def generate_texts(self, prompts, sampling, complete=()):
            typed = [encoder.locate(prompt.typed)[0] for prompt in prompts]
            whole = [[*prompt.ids, *ids] for prompt, ids in zip(prompts, typed, strict=True)]
            for ids in self.generate_ids(whole, sampling):
                yield Generated(encoder.decode(ids), stopped=len(ids) < sampling.max_new_tokens)

    return Reciter


@pytest.fixture
def few_texts(monkeypatch):
    """Let general code be two lines: a tokenizer of bytes makes 66,000 tokens of all of it."""
    from codelm.evaluation.general import Text

    found = [
        Text("a.rs", "rust", "own rust", "fn a() -> u8 {\n    7\n}\n"),
        Text("b.py", "python", "own python", "def b():\n    return 7\n"),
    ]
    for task in ("forgetting", "infilling"):
        monkeypatch.setattr(f"codelm.evaluation.tasks.{task}.own_texts", lambda: found)
        monkeypatch.setattr(f"codelm.evaluation.tasks.{task}.library_texts", list)
    return found


@pytest.fixture
def slow_layers(monkeypatch, evaluated):
    """A clock that only the layers of `evaluated` move: each call takes a second."""
    import torch

    from codelm.evaluation import time_budget

    now = [0.0]
    monkeypatch.setattr(time_budget.time, "perf_counter", lambda: now[0])
    for module in evaluated.module.modules():
        for layer in module if isinstance(module, torch.nn.ModuleList) else ():
            layer.register_forward_hook(lambda *_: now.append(now.pop() + 1))
    return now
