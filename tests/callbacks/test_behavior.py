import logging
import random

import pytest
import torch
from lightning.pytorch import Callback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoModelForCausalLM, AutoTokenizer

from codelm.callbacks import BehavioralEvaluation

PROMPTS = ["fn process", "Result<", "where\n    T:"]


@pytest.fixture(scope="module")
def behavior():
    return lambda **settings: BehavioralEvaluation(PROMPTS, **({"max_new_tokens": 12} | settings))


def weights(module):
    return {name: parameter.detach().clone() for name, parameter in module.named_parameters()}


@pytest.mark.parametrize(("quantization", "precision"), [("none", "32-true"), ("nf4", "bf16-mixed")])
def test_training_with_and_without_it_ends_with_the_same_bits(fit, make_module, behavior, quantization, precision):
    _, without = fit(module=make_module(quantization=quantization), precision=precision)
    _, with_it = fit(behavior(), module=make_module(quantization=quantization), precision=precision)
    before, after = weights(without), weights(with_it)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_training_is_the_same_where_it_fails_halfway(fit, behavior, monkeypatch, caplog):
    _, without = fit()

    def fail(*_, **__):
        torch.rand(3)
        random.random()
        raise RuntimeError("no memory\nat all")

    monkeypatch.setattr("codelm.callbacks.behavior.complete", fail)
    with caplog.at_level(logging.WARNING):
        _, with_it = fit(behavior())
    after = weights(with_it)
    assert all(torch.equal(value, after[name]) for name, value in weights(without).items())
    assert "no memory at all" in caplog.text


def test_the_base_is_completed_at_step_0_and_the_tuned_model_after_every_nth_epoch(fit, behavior):
    callback = behavior(every_n_epochs=2)
    fit(callback, max_epochs=4)
    assert [record["epoch"] for record in callback.records] == [0, 2, 4]
    assert [one["prompt"] for one in callback.records[0]["completions"]] == PROMPTS


def test_several_validations_in_an_epoch_are_one_turn(fit, behavior):
    callback = behavior()
    fit(callback, val_check_interval=3)
    assert [record["epoch"] for record in callback.records] == [0, 1, 2]


def test_where_training_stops_within_an_epoch_the_tuned_model_is_completed_as_well(fit, behavior):
    class Enough(Callback):
        def on_train_batch_end(self, trainer, *_):
            trainer.should_stop = trainer.global_step == 3

    callback = behavior(every_n_epochs=5)
    fit(callback, Enough())
    assert [record["epoch"] for record in callback.records] == [0, 1]


def test_the_base_writes_what_it_writes_without_an_adapter(fit, behavior, tiny_base, make_module):
    callback = behavior(temperature=0.0, language="text")
    module = make_module()
    module.configure_model()
    with torch.no_grad():  # a trained adapter, as a run that is continued has it
        for name, parameter in module.named_parameters():
            parameter += "lora_B" in name
    fit(callback, module=module, max_epochs=1)
    plain, tokenizer = AutoModelForCausalLM.from_pretrained(tiny_base), AutoTokenizer.from_pretrained(tiny_base)
    for prompt, record in zip(PROMPTS, callback.records[0]["completions"], strict=True):
        ids = tokenizer(prompt, return_tensors="pt")
        output = plain.generate(**ids, max_new_tokens=12, do_sample=False, pad_token_id=0, eos_token_id=list(range(6)))
        text = tokenizer.decode(output[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
        assert record["text"] == text


def test_models_modes_and_settings_are_left_as_they_were(fit, behavior, make_trainer, make_module, make_data):
    class Spy(Callback):
        def look(self, module):
            config = module.model.generation_config.to_dict() | {"use_cache": module.model.config.use_cache}
            return [one.training for one in module.modules()], config

        def on_fit_start(self, trainer, pl_module):
            self.before = self.look(pl_module)

        def on_train_epoch_end(self, trainer, pl_module):
            self.after = self.look(pl_module)

    spy = Spy()
    module = make_module(gradient_checkpointing=True)
    callback = behavior()
    fit(callback, spy, module=module)
    assert len(callback.records) == 3
    assert spy.before == spy.after
    assert any(getattr(one, "gradient_checkpointing", False) for one in module.modules())


def test_a_resumed_run_keeps_the_records(fit, behavior, tmp_path):
    first = behavior()
    trainer, _ = fit(first, max_epochs=1)
    second = behavior()
    fit(second, max_epochs=2, ckpt_path=trainer.checkpoint_callback.best_model_path)
    assert second.records[:2] == first.records
    assert [record["epoch"] for record in second.records] == [0, 1, 2]


@pytest.mark.parametrize("prompts", [PROMPTS[:2], [*PROMPTS[:2], "struct "]])
def test_a_run_resumed_with_other_prompts_completes_them_with_the_base_anew(fit, behavior, prompts):
    trainer, _ = fit(behavior(), max_epochs=1)
    second = BehavioralEvaluation(prompts, max_new_tokens=12)
    fit(second, max_epochs=2, ckpt_path=trainer.checkpoint_callback.best_model_path)
    assert [record["epoch"] for record in second.records] == [0, 2]
    assert all([one["prompt"] for one in record["completions"]] == prompts for record in second.records)


def test_texts_and_numbers_go_to_tensorboard(fit, behavior):
    trainer, _ = fit(behavior())
    events = EventAccumulator(trainer.log_dir)
    events.Reload()
    assert [event.step for event in events.Scalars("behavior/parses")] == [0, 6, 12]
    assert [event.step for event in events.Tensors("behavior/completions/text_summary")] == [0, 6, 12]
    text = events.Tensors("behavior/completions/text_summary")[-1].tensor_proto.string_val[0].decode()
    assert text.startswith("| prompt | base | after epoch 2 |")
    assert text.count("\n") == 1 + len(PROMPTS)


def test_a_language_without_grammar_keeps_its_texts_and_says_so_once(fit, behavior, caplog):
    callback = behavior(language="cobol")
    fit(callback, max_epochs=1)
    assert callback.records[1]["means"] == {}
    assert callback.records[1]["completions"][0]["measures"] is None
    assert caplog.text.count("cobol has no grammar") == 1


def test_nothing_is_done_without_prompts_or_in_a_validation_of_its_own(make_trainer, make_module, make_data, behavior):
    callback = behavior()
    make_trainer(callback).validate(make_module(), datamodule=make_data(), verbose=False)
    assert not callback.records
    silent = BehavioralEvaluation()
    make_trainer(silent, max_epochs=1).fit(make_module(), datamodule=make_data())
    assert silent.record.behavior["evaluations"] == []
