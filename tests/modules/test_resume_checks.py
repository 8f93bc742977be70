import inspect
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from codelm.datamodules import GitCommitDataModule
from codelm.errors import InputError
from codelm.modules import LoRACausalLM
from codelm.modules.resume_checks import refuse_other_settings, result_settings

MODEL_ELSEWHERE = {"base": "base_identity", "base_name": "base_identity", "revision": "base_identity"}
DATA_ELSEWHERE = {"tokenizer_revision": "tokenizer", "curriculum": "curriculum_epochs"}
MAY_CHANGE = {
    # The weights of the checkpoint take the adapter's place.
    "model": {"adapter", "activation_offloading", "gradient_checkpointing", "max_new_tokens"},
    "data": {"cache", "num_workers", "prompts"},
}
LEARNED_FROM = {"repo", "revision"}  # the datamodule's state names repositories and commits


@dataclass
class Inner:
    rules: dict[str, float] = field(default_factory=dict)
    size: int = 3


@pytest.fixture
def settings_of():
    trainer = SimpleNamespace(accumulate_grad_batches=2, precision="32-true")
    return lambda **settings: result_settings(trainer, SimpleNamespace(settings=settings), None)


def test_settings_have_full_names_and_plain_values(settings_of):
    settings = settings_of(inner=Inner({"a.b": 2.0}), names=("x", "y"))
    assert settings["model.inner.rules"] == {"a.b": 2.0}
    assert settings["model.inner.size"] == 3
    assert settings["model.names"] == ["x", "y"]
    assert settings["trainer.accumulate_grad_batches"] == 2


def test_another_value_is_refused_with_both(settings_of):
    with pytest.raises(InputError, match=r"trained with model\.inner\.size 3, not 4: give"):
        refuse_other_settings(settings_of(inner=Inner()), settings_of(inner=Inner(size=4)))


def test_a_rule_that_only_one_side_has_is_another_value(settings_of):
    with pytest.raises(InputError, match=r"model\.inner\.rules {}, not {\"a\": 1\.0}"):
        refuse_other_settings(settings_of(inner=Inner()), settings_of(inner=Inner({"a": 1.0})))


def test_what_a_checkpoint_does_not_say_is_not_refused(settings_of):
    refuse_other_settings({}, settings_of(inner=Inner()))
    refuse_other_settings(settings_of(inner=Inner(), gone=1), settings_of(inner=Inner(), new=2))


STEP = {"data.batch_size": 4, "trainer.accumulate_grad_batches": 4, "trainer.limit_train_batches": 8}


def test_other_rows_at_a_time_are_taken_where_a_step_has_as_many():
    refuse_other_settings(STEP, dict(zip(STEP, (2, 8, 16), strict=True)))
    refuse_other_settings(STEP, dict(zip(STEP, (1, 16, 30), strict=True)))  # two steps, which auto rounds up to
    with pytest.raises(InputError, match=r"trained with trainer\.limit_train_batches 8, not 12: "):
        refuse_other_settings(STEP, dict(zip(STEP, (2, 8, 24), strict=True)))
    with pytest.raises(InputError, match=r"trained with data\.batch_size 4, not 2: "):
        refuse_other_settings(STEP, dict(zip(STEP, (2, 4, 8), strict=True)))


def test_to_evaluate_only_what_makes_another_model_is_refused():
    trained = {"model.lora.alpha": 16, "model.lora.dropout": 0.1, "model.learning_rate": 1.0, "data.batch_size": 2}
    refuse_other_settings(trained, trained | {"model.lora.dropout": 0, "data.batch_size": 9}, trains=False)
    with pytest.raises(InputError, match=r"model\.lora\.alpha 16, not 32"):
        refuse_other_settings(trained, trained | {"model.lora.alpha": 32}, trains=False)


def test_every_setting_decides_the_result_or_is_listed_as_one_that_may_change(tiny_base):
    model, data = LoRACausalLM(str(tiny_base)), GitCommitDataModule(str(tiny_base))
    known = {
        "model": set(model.settings) | set(MODEL_ELSEWHERE) | MAY_CHANGE["model"],
        "data": set(data.settings) | set(DATA_ELSEWHERE) | MAY_CHANGE["data"] | LEARNED_FROM,
    }
    for part, kind in (("model", LoRACausalLM), ("data", GitCommitDataModule)):
        assert set(inspect.signature(kind).parameters) - known[part] == set()


def test_the_page_lists_what_may_change():
    page = (Path(__file__).parents[2] / "docs/training.md").read_text(encoding="utf-8")
    names = [f"`{part}.{name}`" for part, free in MAY_CHANGE.items() for name in free]
    assert [name for name in names if name not in page] == []
