"""A small history as material, and a model of some ten thousand random weights to examine on it."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

HELD_OUT = 0.3
LENGTH = 128


def in_silence(items, total, description):
    return items


@pytest.fixture(scope="session")
def examined_base(tiny_base):
    """The encoder of the tiny base."""
    from codelm.bases.tokenizer import load_tokenizer
    from codelm.history.tokenization.encoding import Encoder

    return Encoder(load_tokenizer(str(tiny_base), None))


@pytest.fixture
def make_material(tmp_path, examined_base):
    """Return a function that reads repositories as material: ``make_material(folder, sequence_length=256)``."""
    from codelm.evaluation.data import Material
    from codelm.git.repository import open_repository
    from codelm.history.build import Recipe, mine
    from codelm.history.filters.selection import Filters
    from codelm.history.samples.formats import Formats
    from codelm.history.store import building, open_store

    def make(*folders, sequence_length=LENGTH, formats=None, learned=None, encoder=examined_base):
        ignored = Filters(ignore=["target/", "Cargo.lock"])
        recipe = Recipe(sequence_length, ignored, formats or Formats(), HELD_OUT, max_commits=None, seed=1)
        store = tmp_path / f"store-{sequence_length}"
        with building(store) as (writer, facts):
            facts |= mine([open_repository(folder) for folder in folders], recipe, encoder, writer, in_silence)
        return Material(open_store(store), encoder, learned)

    return make


@pytest.fixture
def material(make_material, rust_repository):
    return make_material(rust_repository)


@pytest.fixture(scope="session")
def learned_base(tiny_base, tmp_path_factory):
    """A folder with the tiny base after sixty steps on general code: it knows something that can be lost."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from codelm.evaluation.general import texts

    torch.manual_seed(0)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny_base), AutoTokenizer.from_pretrained(tiny_base)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    rows = tokenizer(texts()[0].text, return_tensors="pt").input_ids[0].unfold(0, 64, 5)
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
    """Return a function that makes a module to ask, its adapter as large as ``scale`` says; 0 changes nothing."""
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
def make_examinee(make_module):
    """Return a function that makes an examinee; rows and batches are small."""
    from codelm.evaluation.model import Examinee

    def make(module=None, room=LENGTH, batch_size=3, **settings):
        return Examinee(module or make_module(**settings), room=room, batch_size=batch_size)

    return make


@pytest.fixture
def examinee(make_examinee):
    return make_examinee()


@contextmanager
def as_base(self, base=True):
    self.base = base
    yield
    self.base = False


def behind(prompt, texts):
    """Return what follows the tokens of a prompt in the first text that holds them; nothing where none does."""
    for ids in (list(map(int, text)) for text in texts):
        for start in range(len(ids) - len(prompt) + 1):
            if ids[start : start + len(prompt)] == prompt:
                return ids[start + len(prompt) :]
    return []


@pytest.fixture
def make_reciter(examined_base):
    """Return a function that makes an examinee that knows texts by heart: behind a prompt, what follows it there.

    As tuned it knows ``tuned``, as base ``base``; behind what it does not know it stops.
    """
    from codelm.evaluation.model import Examinee
    from codelm.modules.generation import Generated

    answer_as = as_base

    class Reciter(Examinee):
        as_base = answer_as

        def __init__(self, tuned, base=()):
            super().__init__(SimpleNamespace(tokenizer=None), room=1024, batch_size=4)
            self.texts = {True: list(base), False: list(tuned)}
            self.base = False
            self.asked = []

        def continuations(self, prompts, sampling):
            for prompt in prompts:
                self.asked.append(list(map(int, prompt)))
                yield behind(self.asked[-1], self.texts[self.base])[: sampling.max_new_tokens]

        def write(self, prompts, sampling):
            for ids in self.continuations(prompts, sampling):
                yield Generated(examined_base.decode(ids), stopped=len(ids) < sampling.max_new_tokens)

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
        monkeypatch.setattr(f"codelm.evaluation.tasks.{task}.texts", lambda: found)
        monkeypatch.setattr(f"codelm.evaluation.tasks.{task}.local", list)
    return found
