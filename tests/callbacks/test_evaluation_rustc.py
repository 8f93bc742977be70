"""The callback on its own: rustc is refused when a trainer sets it up, before it trains."""

from types import SimpleNamespace

import pytest

from codelm.callbacks import Evaluation
from codelm.errors import InputError


@pytest.fixture(autouse=True)
def no_programs(monkeypatch):
    monkeypatch.setenv("PATH", "")


def set_up(stage="fit", *, first=True, **settings):
    evaluation = Evaluation(**settings)
    evaluation.setup(SimpleNamespace(callbacks=[evaluation], is_global_zero=first), None, stage)


@pytest.mark.parametrize("stage", ["fit", "test"])
def test_rustc_is_refused_where_it_cannot_be_asked(stage):
    with pytest.raises(InputError, match=r"evaluation\.rustc is true, and there is no rustc"):
        set_up(stage, rustc=True)


def test_rustc_is_not_looked_for_where_nobody_will_ask_it():
    set_up()
    set_up(rustc=True, enabled=False)
    set_up(rustc=True, first=False)
    for stage in ("validate", "predict"):
        set_up(stage, rustc=True)


def test_nothing_is_learned_before_it_is_refused(make_module, make_data, make_trainer):
    evaluation = Evaluation(rustc=True)
    trainer = make_trainer(evaluation)
    with pytest.raises(InputError):
        trainer.fit(make_module(), datamodule=make_data())
    assert trainer.global_step == 0
    assert evaluation.epochs == []
