import json
import os
import shutil
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Callback, LightningDataModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from codelm.errors import InputError
from codelm.modules import LoRA, LoRACausalLM, lora_causal_lm
from codelm.modules.generation import decode_generated, end_token_ids
from codelm.modules.packed_attention import BY_SAMPLE

ATTENTION = pytest.mark.parametrize("attention", ["eager", "sdpa"])
QUANTIZATION = pytest.mark.parametrize("quantization", ["none", "nf4"])


def states_of(model, batch):
    with torch.no_grad():
        return model(batch)


def slices(batch, row, *borders):
    """Cut the samples out of a packed row, each as a batch of its own."""
    return [
        {name: part if name == "step_weight" else part[row : row + 1, start:end] for name, part in batch.items()}
        for start, end in pairwise(borders)
    ]


@ATTENTION
def test_packed_samples_do_not_see_each_other(adapted, make_batch, attention):
    model = adapted(attention=attention).eval()
    batch = make_batch([10, 1, 15], [32])
    assert model.language_model.config._attn_implementation == {"sdpa": BY_SAMPLE}.get(attention, attention)
    packed = states_of(model, batch)
    for row, borders in enumerate([(0, 10, 11, 26), (0, 32)]):
        apart = torch.cat([states_of(model, sample) for sample in slices(batch, row, *borders)], dim=1)
        torch.testing.assert_close(packed[row : row + 1, : borders[-1]], apart, rtol=1e-4, atol=1e-4)


@ATTENTION
def test_attention_to_another_sample_would_show(adapted, make_batch, attention):
    model = adapted(attention=attention).eval()
    batch = make_batch([10, 15])
    merged = batch | {"position_ids": torch.arange(32)[None]}
    assert not torch.allclose(states_of(model, batch)[0, 10:25], states_of(model, merged)[0, 10:25], atol=0.01)


@ATTENTION
@pytest.mark.parametrize("gradient_checkpointing", [True, False])
def test_packing_changes_neither_loss_nor_gradient(adapted, make_batch, attention, gradient_checkpointing):
    model = adapted(attention=attention, gradient_checkpointing=gradient_checkpointing, lora=LoRA(dropout=0.0))
    names, parameters = zip(*model.trained(), strict=True)
    batch = make_batch([10, 15])
    packed, weight = model.weighted_nll(batch)
    apart, weights = map(sum, zip(*map(model.weighted_nll, slices(batch, 0, 0, 10, 25)), strict=True))
    torch.testing.assert_close(packed, apart)
    assert weight == weights
    torch.testing.assert_close(torch.autograd.grad(packed, parameters), torch.autograd.grad(apart, parameters))
    assert len(names) == 24


@pytest.mark.parametrize(("beyond", "refused"), [(0, False), (1, True)])
def test_data_with_tokens_that_the_base_does_not_have_is_refused_before_weights_are_loaded(
    tiny_base, make_batch, monkeypatch, beyond, refused
):
    size = AutoConfig.from_pretrained(tiny_base).vocab_size

    class Data(LightningDataModule):
        encoder = SimpleNamespace(largest_id=size - 1 + beyond)

        def train_dataloader(self):
            return DataLoader([make_batch([10, 15])], batch_size=None)

    model = LoRACausalLM(str(tiny_base), quantization="none")
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(accelerator="cpu", max_steps=1, enable_checkpointing=False, **quiet)
    if not refused:
        trainer.fit(model, Data())
        return
    monkeypatch.setattr(lora_causal_lm, "load_base", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(InputError, match=f"knows {size} tokens, and the tokenizer .* ids up to {size}: give"):
        trainer.fit(model, Data())


def test_the_loss_is_that_of_the_models_own_logits(adapted, make_batch):
    model = adapted().eval()
    batch = make_batch([32], [32])
    with torch.no_grad():
        logits = model.model(input_ids=batch["input_ids"], use_cache=False).logits.log_softmax(-1)
        nll = -logits[:, :-1].gather(-1, batch["input_ids"][:, 1:, None]).squeeze(-1)
        torch.testing.assert_close(model.weighted_nll(batch)[0], (nll * batch["weights"][:, 1:]).sum())


@QUANTIZATION
def test_the_disabled_adapter_leaves_exactly_the_base(adapted, make_batch, fit, quantization):
    batch = make_batch([20, 12])
    model = adapted(quantization=quantization, learning_rate=0.1)
    before = states_of(model.eval(), batch)
    fit(model.train(), [batch] * 3)
    assert not torch.equal(states_of(model.eval(), batch), before)
    with model.base_disabled():
        assert torch.equal(states_of(model, batch), before)
    assert len(list(model.trained())) == 24


@QUANTIZATION
def test_every_weight_of_every_adapter_moves_and_nothing_else_does(adapted, make_batch, fit, quantization):
    def copies(model):
        return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}

    class Look(Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            seen.append(copies(pl_module))

    # Decay alone would move weights that learn nothing.
    model = adapted(quantization=quantization, weight_decay=0.0)
    start, seen = copies(model), []
    fit(model, [make_batch([20, 12])] * 2, callbacks=[Look()])
    first, second = ({name: (now[name] != start[name]).float().mean() for name in start} for now in seen)
    # B begins as zeros, so in the first step no gradient reaches A.
    assert {name for name in first if first[name]} == {name for name in start if "lora_B" in name}
    assert {name for name in second if second[name]} == {name for name in start if "lora_" in name}
    assert all(share > 0.99 for share in [*first.values(), *second.values()] if share)


def test_only_the_adapters_get_gradients(adapted, make_batch):
    model = adapted()
    model.weighted_nll(make_batch([20]))[0].backward()
    assert all((parameter.grad is not None) == ("lora_" in name) for name, parameter in model.named_parameters())


@pytest.mark.parametrize(("gradient_checkpointing", "passes"), [(True, 2), (False, 1)])
def test_gradient_checkpointing_computes_each_block_twice(adapted, make_batch, gradient_checkpointing, passes):
    model = adapted(gradient_checkpointing=gradient_checkpointing)
    calls = []
    model.language_model.model.layers[0].mlp.c_fc.register_forward_hook(lambda *_: calls.append(1))
    model.weighted_nll(make_batch([20]))[0].backward()
    assert len(calls) == passes


@QUANTIZATION
def test_training_goes_on_unharmed_after_an_evaluation(adapted, make_batch, quantization):
    batch = make_batch([20, 12])
    model = adapted(quantization=quantization)

    def gradients():
        torch.manual_seed(0)
        return torch.autograd.grad(
            model.train().weighted_nll(batch)[0], [parameter for _, parameter in model.trained()]
        )

    before = gradients()
    states_of(model.eval(), batch)
    torch.testing.assert_close(gradients(), before, rtol=0, atol=0)


def test_training_starts_with_no_module_in_eval_mode(adapted, make_batch, fit):
    class Look(Callback):
        def on_train_start(self, trainer, pl_module):
            self.asleep = [name for name, module in pl_module.named_modules() if not module.training]

    look = Look()
    fit(adapted(), [make_batch([20])], callbacks=[look])
    assert look.asleep == []


@pytest.mark.parametrize(("precision", "kept"), [("bf16-mixed", "bfloat16"), ("32-true", "float32")])
@QUANTIZATION
def test_the_base_is_kept_in_the_type_of_computation_and_adapters_in_float32(
    tiny_base, make_batch, fit, precision, kept, quantization
):
    model = LoRACausalLM(str(tiny_base), quantization=quantization)
    trainer = fit(model, [make_batch([20])] * 2, [make_batch([9])], precision=precision)
    types = {name: parameter.dtype for name, parameter in model.named_parameters()}
    assert {types[name] for name in types if "lora_" in name} == {torch.float32}
    assert {types[name] for name in types if "norm" in name or "embed" in name} == {getattr(torch, kept)}
    assert ({types[name] for name in types if "base_layer.weight" in name} == {torch.uint8}) == (quantization == "nf4")
    assert trainer.callback_metrics["val/loss"].isfinite()


@QUANTIZATION
def test_training_learns_the_rows_it_sees(adapted, make_batch, fit, quantization):
    model = adapted(quantization=quantization, learning_rate=0.05)
    batch = make_batch([20, 12])
    before = float(model.weighted_nll(batch)[0].detach())
    fit(model, [batch] * 6)
    assert model.weighted_nll(batch)[0].detach() < 0.8 * before


@pytest.fixture
def trained(adapted, make_batch, fit, tmp_path):
    """A trained model and the path of its checkpoint."""
    model = adapted(learning_rate=0.01)
    trainer = fit(model, [make_batch([20])] * 2)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    return model, tmp_path / "last.ckpt"


def test_a_checkpoint_holds_the_adapter_only_and_goes_on_from_there(trained, adapted, make_batch, fit):
    model, path = trained
    weights = torch.load(path, weights_only=True)["state_dict"]
    assert set(weights) == {name for name, _ in model.trained()}
    assert all("lora_" in name for name in weights)
    resumed = adapted(learning_rate=0.01)
    trainer = fit(resumed, [make_batch([20])] * 2, ckpt_path=path)
    assert trainer.global_step == 2
    torch.testing.assert_close(dict(resumed.trained()), dict(model.trained()))


def test_a_checkpoint_of_other_adapters_is_refused(trained, adapted, make_batch, fit):
    for name, lora in {"r 8, not 4": LoRA(r=4), r"alpha 16, not 9": LoRA(alpha=9)}.items():
        with pytest.raises(InputError, match=rf"model\.lora\.{name}"):
            fit(adapted(lora=lora, learning_rate=0.01), [make_batch([20])] * 2, ckpt_path=trained[1])


def test_weights_of_other_names_are_refused_also_where_the_checkpoint_says_no_settings(
    trained, adapted, make_batch, fit
):
    checkpoint = torch.load(trained[1], weights_only=True)
    del checkpoint["settings"]
    torch.save(checkpoint, trained[1])
    with pytest.raises(InputError, match="not this model's"):
        fit(adapted(lora=LoRA(targets=["q_proj"])), [make_batch([20])] * 2, ckpt_path=trained[1])


class Draws(Callback):
    """Uses up random numbers, as a validation or a worker would."""

    def on_train_batch_start(self, *_):
        torch.rand(3)


@pytest.mark.parametrize(("given", "used"), [(0.0, 0.0), (0.2, 0.2), (None, 0.3)])
def test_the_dropout_that_was_used_is_known_where_the_configuration_decides(tiny_base, tmp_path, given, used):
    base = shutil.copytree(tiny_base, tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    names = ("attention_dropout", "embedding_dropout", "residual_dropout")
    (base / "config.json").write_text(json.dumps(config | dict.fromkeys(names, 0.3)))
    model = LoRACausalLM(str(base), quantization="none", base_dropout=given)
    assert model.used_base_dropout is None
    model.configure_model()
    assert model.used_base_dropout == used
    assert model.settings["base_dropout"] == given


def test_dropout_depends_on_the_seed_and_the_place_of_a_batch_alone(adapted, make_batch, fit):
    def train(seed=42, **settings):
        model = adapted(seed=seed, lora=LoRA(dropout=0.5))
        fit(model, [make_batch([20])] * 3, **settings)
        return torch.cat([parameter.flatten() for _, parameter in model.trained()])

    assert torch.equal(train(), train(callbacks=[Draws()]))
    assert not torch.equal(train(), train(seed=43))


@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
@pytest.mark.parametrize("batches", range(1, 6))
def test_a_run_goes_on_exactly_behind_the_last_whole_step_of_a_checkpoint_after_any_batch(
    adapted, make_batch, fit, tmp_path, batches
):
    class Save(Callback):
        def on_train_batch_end(self, trainer, *_):
            if trainer.fit_loop.epoch_loop.batch_progress.current.ready == batches:
                trainer.save_checkpoint(tmp_path / "a.ckpt")

    class Begun(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            begun.append(batch_idx)

    def train(*callbacks, **settings):
        model = adapted(lora=LoRA(dropout=0.5))
        fit(model, [make_batch([20])] * 6, accumulate_grad_batches=3, callbacks=[*callbacks, Begun()], **settings)
        return torch.cat([parameter.flatten() for _, parameter in model.trained()])

    begun = []
    whole = train(Save())
    begun.clear()
    assert torch.equal(train(ckpt_path=tmp_path / "a.ckpt"), whole)
    assert begun == list(range(batches - batches % 3, 6))


@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
def test_a_run_goes_on_exactly_from_what_lightning_saves_at_a_validation_within_a_step(
    adapted, make_batch, fit, tmp_path
):
    def train(**settings):
        saver = ModelCheckpoint(tmp_path, "{step}", monitor="val/loss", save_top_k=-1, enable_version_counter=False)
        model = adapted(lora=LoRA(dropout=0.5))
        settings |= {"max_epochs": 2, "val_check_interval": 3, "accumulate_grad_batches": 2, "callbacks": [saver]}
        fit(model, [make_batch([20])] * 6, [make_batch([9])], enable_checkpointing=True, **settings)
        return torch.cat([parameter.flatten() for _, parameter in model.trained()])

    whole = train()
    saved = torch.load(tmp_path / "step=4.ckpt", weights_only=True)
    assert saved["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["completed"] == 3
    assert torch.equal(train(ckpt_path=tmp_path / "step=4.ckpt"), whole)


def test_a_process_saves_a_step_that_is_not_finished_without_the_others(adapted, make_batch, fit, monkeypatch):
    def alone(trainer):
        for name in ("reduce", "broadcast", "barrier", "all_gather"):
            monkeypatch.setattr(trainer.strategy, name, lambda *_, name=name, **__: pytest.fail(f"{name} was called"))

    class Save(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if batch_idx == 1:
                alone(trainer)
                saved.append(trainer._checkpoint_connector.dump_checkpoint())
                monkeypatch.undo()

    saved = []
    fit(adapted(), [make_batch([20])] * 3, accumulate_grad_batches=3, callbacks=[Save()])
    assert len(saved) == 1


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")  # peft asks for a name that transformers 6 drops
def test_peft_alone_reads_the_saved_adapter(trained, tiny_base, make_batch, tmp_path):
    from peft import PeftModel  # after codelm, which hides a warning that comes with it

    model, _ = trained
    model.save_adapter(tmp_path / "adapter")
    ids = make_batch([32])["input_ids"]
    other = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_base), tmp_path / "adapter")
    with torch.no_grad():
        torch.testing.assert_close(other(ids).logits, model.model.eval()(ids).logits)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "adapter")
    assert tokenizer.decode(tokenizer.encode("fn main() {}\n")) == "fn main() {}\n"
    assert (tmp_path / "adapter" / "adapter_model.safetensors").exists()


def test_an_adapters_folder_has_no_blank_model_card_and_no_file_for_the_owner_alone(adapted, tmp_path):
    before = os.umask(0o022)
    try:
        adapted().save_adapter(tmp_path / "adapter")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "adapter").iterdir()}
    assert "README.md" not in modes
    assert set(modes.values()) == {0o644}


def test_a_constructor_only_remembers():
    model = LoRACausalLM("/no/such/folder")
    assert list(model.parameters()) == []


def test_the_model_is_built_once(adapted):
    model = adapted()
    built = model.model
    model.configure_model()
    assert model.model is built


def test_wrong_targets_are_refused_before_weights_are_read(tiny_base, monkeypatch):
    monkeypatch.setattr(lora_causal_lm, "load_base", lambda *_, **__: pytest.fail("weights were read"))
    model = LoRACausalLM(str(tiny_base), lora=LoRA(targets=["q_proj", "c_attn"]))
    with pytest.raises(InputError, match=r"c_attn: no such linear layer .* c_fc, c_proj, k_proj"):
        model.configure_model()


def test_the_configuration_names_the_number_of_positions(tiny_base):
    assert LoRACausalLM(str(tiny_base)).max_positions == 128


@pytest.fixture
def predict():
    """Return a function that completes prompts with a module, two at a time, and returns the texts."""

    def predict(model, prompts):
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        trainer = Trainer(accelerator="cpu", enable_checkpointing=False, **quiet)
        loader = DataLoader(prompts, batch_size=2, collate_fn=list)
        return [one.text for batch in trainer.predict(model, loader) for one in batch]

    return predict


def test_prompts_are_completed_with_the_likeliest_tokens_also_by_a_model_that_was_learning(adapted, predict):
    prompts = ["fn process", "a;", "use std::"]
    model = adapted(gradient_checkpointing=True, lora=LoRA(dropout=0.9), max_new_tokens=12)
    modes = [module.training for module in model.modules()]
    texts = predict(model, prompts)
    assert [module.training for module in model.modules()] == modes
    base, tokenizer = AutoModelForCausalLM.from_pretrained(model.base), AutoTokenizer.from_pretrained(model.base)
    for prompt, text in zip(prompts, texts, strict=True):
        ids = torch.tensor([tokenizer.encode(prompt)])
        for _ in range(12):
            likeliest = base(ids).logits[:, -1:].argmax(-1)
            ids = torch.cat([ids, likeliest], 1)
        written = ids[0, len(tokenizer.encode(prompt)) :].tolist()
        assert decode_generated(tokenizer, written, end_token_ids(tokenizer)).text == text
    assert all(texts)


def test_it_is_the_tuned_model_that_completes(adapted, predict):
    model = adapted(max_new_tokens=12)
    before = predict(model, ["fn process"])
    with torch.no_grad():
        for name, parameter in model.trained():
            parameter += "lora_B" in name
    assert predict(model, ["fn process"]) != before


def test_loraplus_lets_the_second_matrices_learn_faster(adapted, make_batch, fit):
    def moved(ratio):
        model = adapted(
            lora=LoRA(r=4, dropout=0.0, loraplus_ratio=ratio), learning_rate=1e-3, weight_decay=0.0, warmup=0
        )
        before = {name: weight.detach().clone() for name, weight in model.trained()}
        fit(model, [make_batch([32])], max_steps=1)
        steps = {name: float((weight.detach() - before[name]).abs().max()) for name, weight in model.trained()}
        return [max(step for name, step in steps.items() if part in name) for part in ("lora_A", "lora_B")]

    (_, plain), (_, faster) = moved(1.0), moved(8.0)
    assert faster == pytest.approx(8 * plain, rel=1e-3)
