"""The whole path from one command, on a small history and a base of some ten thousand random weights."""

import json
import logging
import shutil
import signal
import sys

import pytest
import yaml

from codelm.cli import main

SHORT = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4}, learning_rate: 1e-2}
data: {repo: REPOSITORY, cache: CACHE, sequence_length: 64, batch_size: 2, held_out: 0.3, context_weight: 0.0}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 2, accumulate_grad_batches: 1, limit_train_batches: 3,
  limit_val_batches: 2, log_every_n_steps: 1}
behavior: {prompts: ["fn main"], max_new_tokens: 2}
evaluation: {enabled: false}
"""


@pytest.fixture
def repository(make_repository):
    """Twenty commits, each of which adds a function."""
    functions = [f"/// Number {number}.\npub fn value_{number}() -> usize {{ {number} }}\n" for number in range(20)]
    commits = [{"src/lib.rs": "\n".join(functions[: number + 1])} for number in range(20)]
    return make_repository(commits, name="numbers/.git", bare=True)


@pytest.fixture
def folder(tmp_path, monkeypatch, tiny_base, repository):
    """An empty current folder, with the configuration of a short run beside it."""
    values = {"BASE": tiny_base, "REPOSITORY": repository, "CACHE": tmp_path / "cache"}
    text = SHORT
    for name, value in values.items():
        text = text.replace(name, str(value))
    (tmp_path / "short.yaml").write_text(text)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "argv", ["codelm"])
    return tmp_path / "here"


@pytest.fixture
def codelm(folder, capsys):
    """Run the command and return its status and what it wrote to standard error."""

    def run(command, *arguments):
        status = main([command, "--config", str(folder.parent / "short.yaml"), *map(str, arguments)])
        return status, capsys.readouterr().err

    return run


def manifest(folder, name="numbers", version=0):
    return json.loads((folder / f"runs/{name}/version_{version}/MANIFEST.json").read_text())


def training(folder, **run):
    return manifest(folder, **run)["phase_results"]["phase_4_training"]


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_run_leaves_its_folder_and_nothing_else(codelm, folder):
    status, error = codelm("fit")
    assert status == 0, error
    assert files(folder) >= {
        *("runs/numbers/version_0/config.yaml", "runs/numbers/version_0/MANIFEST.json"),
        *("runs/numbers/version_0/adapter/adapter_model.safetensors", "runs/numbers/version_0/checkpoints/last.ckpt"),
    }
    assert {path.split("/")[0] for path in files(folder)} == {"runs"}
    assert {path.name.split(".")[0] for path in (folder / "runs/numbers/version_0").iterdir()} == {
        *("config", "MANIFEST", "adapter", "base", "checkpoints", "events"),  # the base is a link to its folder
    }
    assert manifest(folder)["status"] == "completed"
    assert training(folder)["training_stats"]["final_val_loss"] > 0


def test_the_saved_configuration_replays_the_run(codelm, folder, repository, git, monkeypatch):
    monkeypatch.chdir(repository)
    output = f"--output={folder / 'runs'}"
    assert codelm("fit", "--name=first", "--data.repo=.", output)[0] == 0
    monkeypatch.chdir(folder)
    git(repository, "update-ref", "refs/heads/main", "main~3")
    assert main(["fit", "--config", str(folder / "runs/first/version_0/config.yaml")]) == 0
    histories = (training(folder, name="first", version=version)["history"] for version in (0, 1))
    first, second = ([moment["val_loss"] for moment in history] for history in histories)
    assert first == second
    configs = [yaml.safe_load((folder / f"runs/first/version_{n}/config.yaml").read_text()) for n in (0, 1)]
    assert configs[0] == configs[1]


def test_a_list_of_callbacks_of_ones_own_loses_nothing(codelm, folder):
    own = '[{"class_path": "LearningRateMonitor"}]'
    assert codelm("fit", f"--trainer.callbacks={own}", "--early_stopping.patience=1")[0] == 0
    assert (folder / "runs/numbers/version_0/MANIFEST.json").is_file()
    assert (folder / "runs/numbers/version_0/adapter").is_dir()


def test_quiet_says_nothing_when_all_is_well(folder, capsys):
    assert main(["fit", "--quiet", "--config", str(folder.parent / "short.yaml")]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


BARS = "--trainer.callbacks=[{class_path: TQDMProgressBar}]"  # Lightning's own prints to standard output


def test_results_alone_are_on_standard_output(folder, capsys):
    assert main(["fit", "--config", str(folder.parent / "short.yaml"), BARS]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("\nval loss ")
    assert said.out.endswith("curves         tensorboard --logdir runs/numbers\n")
    assert "\r" not in said.out
    assert "Epoch 1: 100%" in said.err
    for command in ("validate", "test"):
        saved = ["--config", "runs/numbers/version_0/config.yaml", "--ckpt_path", "best"]
        assert main([command, *saved, BARS]) == 0
        said = capsys.readouterr()
        assert f"{command} metric" in said.out.lower()
        assert "DataLoader 0: 100%" not in said.out
        assert "DataLoader 0: 100%" in said.err


def test_without_a_configuration_the_run_says_which_it_took_and_which_fits(codelm, folder, monkeypatch):
    monkeypatch.setattr("codelm.cli.lightning.default_argument", lambda: f"--config={folder.parent / 'short.yaml'}")
    status, error = codelm("fit", "--trainer.max_epochs=1")
    assert status == 0, error
    took = "no --config: took configs/default.yaml; 100 % of the code of numbers is Rust, so configs/rust.yaml fits\n"
    assert took in error


def test_a_rehearsal_leaves_nothing(codelm, folder):
    status, error = codelm("fit", "--trainer.fast_dev_run=true")
    assert status == 0, error
    assert files(folder) == set()


def test_validating_a_checkpoint_writes_nothing(codelm, folder, capsys):
    assert codelm("fit")[0] == 0
    before = files(folder)
    assert main(["validate", "--config", "runs/numbers/version_0/config.yaml", "--ckpt_path", "best"]) == 0
    loss = training(folder)["training_stats"]["final_val_loss"]
    assert str(loss)[:6] in capsys.readouterr().out
    assert files(folder) == before


@pytest.mark.parametrize(("command", "does"), [("validate", "measuring"), ("predict", "completing with")])
def test_without_a_checkpoint_a_command_says_that_it_takes_the_untouched_base(codelm, folder, command, does):
    status, error = codelm(command, "--quiet")
    assert status == 0, error
    assert error.startswith(f"no --ckpt_path: {does} the untouched base; --ckpt_path best takes")
    assert error.count("\n") == 1


def test_predict_prints_the_completions_of_the_prompts_and_nothing_else(codelm, folder, capsys, repository):
    assert codelm("fit", "--trainer.max_epochs=1")[0] == 0
    before = files(folder)
    capsys.readouterr()
    # Neither the history nor what became of it is needed any more, and a bar would stand among the completions.
    repository.rename(repository.parent / "gone")
    shutil.rmtree(folder.parent / "cache")
    saved = ["--config", "runs/numbers/version_0/config.yaml", "--trainer.callbacks=[codelm.callbacks.Progress]"]
    prompts = "--behavior.prompts=['fn main', 'impl A']"
    said = []
    for quiet in ([], ["--quiet"]):
        assert main(["predict", *saved, "--ckpt_path=best", prompts, *quiet]) == 0
        said.append(capsys.readouterr())
    assert said[0].out == said[1].out
    first, second = said[0].out.removeprefix("completion of ").split("\n\ncompletion of ")
    assert first.startswith("`fn main`")
    assert second.startswith("`impl A`")
    assert first.partition("\n\n")[2].startswith("fn main")
    assert said[1].err == ""
    assert files(folder) == before
    assert not (folder.parent / "cache").exists()


def test_without_prompts_predict_is_refused_in_one_line(codelm, folder):
    status, error = codelm("predict", "--behavior.prompts=[]")
    assert (status, error.count("\n")) == (2, 1), error
    assert "behavior.prompts" in error
    assert files(folder) == set()


def test_last_goes_on_where_the_newest_run_stopped(codelm, folder):
    assert codelm("fit", "--trainer.max_epochs=1")[0] == 0
    status, error = codelm("fit", "--ckpt_path=last")
    assert status == 0, error
    assert [path.name for path in (folder / "runs/numbers").iterdir()] == ["version_0"]
    assert [epoch for epoch, _ in moments(folder)] == [1, 2]


def test_a_run_does_not_go_on_with_a_history_that_moved_on(codelm, folder, repository, git):
    assert codelm("fit", "--trainer.max_epochs=1")[0] == 0
    run = folder / "runs/numbers/version_0"
    before = {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    for number in range(12):
        added = f"pub fn newer_{number}() -> u64 {{\n    {number * 31} + {number}\n}}\n".encode()
        blob = git(repository, "hash-object", "-w", "--stdin", stdin=added)
        git(repository, "read-tree", "HEAD")
        git(repository, "update-index", "--add", "--cacheinfo", f"100644,{blob},src/newer_{number}.rs")
        newer = git(repository, "commit-tree", git(repository, "write-tree"), "-p", "HEAD", "-m", "newer")
        git(repository, "update-ref", "HEAD", newer)
    status, error = codelm("fit", "--ckpt_path=last")
    assert status == 2, error
    assert "codelm: error: the checkpoint has learned from numbers cut at" in error.splitlines()[-1]
    assert {path: path.read_bytes() for path in before} == before
    assert codelm("fit", f"--config={run}/config.yaml", "--ckpt_path=last")[0] == 0


def lose_the_best_ones(states):
    del next(state for name, state in states["callbacks"].items() if "ModelCheckpoint" in name)["best_k_models"]


def lose_an_optimizer_state(states):
    states["optimizer_states"] = [{}]


def lose_the_optimizer_s_groups(states):
    states["optimizer_states"][0]["param_groups"] = []


@pytest.mark.parametrize("damage", [lose_the_best_ones, lose_an_optimizer_state, lose_the_optimizer_s_groups])
def test_a_state_that_lacks_something_is_answered_with_its_checkpoint_and_the_remedy(codelm, folder, damage):
    import torch

    assert codelm("fit", "--trainer.max_epochs=1")[0] == 0
    checkpoint = folder / "runs/numbers/version_0/checkpoints/last.ckpt"
    states = torch.load(checkpoint, weights_only=False)
    damage(states)
    torch.save(states, checkpoint)
    status, error = codelm("fit", "--quiet", "--ckpt_path=last")
    assert (status, error.count("\n")) == (3, 1), error
    assert "version_0/checkpoints/last.ckpt is damaged" in error
    assert "--ckpt_path best" in error


BAD = {
    "not a repository": (["--data.repo=.."], "not a git repository"),
    "no such folder": (["--data.repo=nowhere"], "nowhere"),
    "unknown revision": (["--data.revision=v99"], "v99"),
    "empty revision": (["--data.revision="], "no revision ''"),
    "no repository": (["--data.repo=[]"], "data.repo is an empty list"),
    "one repository twice": (["--data.repo=[../numbers/.git,../here/../numbers/.git]"], "one repository twice"),
    "cache that is a file": (["--data.cache=../short.yaml"], "--data.cache"),
    "cache where nothing can be made": (["--data.cache=/proc/cache"], "--data.cache"),
    "no rows in a batch": (["--data.batch_size=0"], "data.batch_size is 0"),
    "no workers at all": (["--data.num_workers=-1"], "data.num_workers is -1"),
    "nothing held out": (["--data.held_out=0"], "data.held_out is 0"),
    "context that counts less than nothing": (["--data.context_weight=-1"], "data.context_weight is -1"),
    "unknown base": (["--model.base=./no-model"], "no-model"),
    "rows beyond the base's positions": (["--data.sequence_length=4096"], "128 positions"),
    "target that matches nothing": (["--model.lora.targets=[c_attn]"], "c_attn"),
    "unknown setting": (["--model.lora.rank=3"], "did you mean --model.lora.r?"),
    "abbreviated setting": (["--trainer.max_epoch=3"], "did you mean --trainer.max_epochs?"),
    "wrong type": (["--model.lora.r=many"], 'model.lora.r: "many" is not a whole number above 0'),
    "out of range": (["--model.lora.r=0"], 'model.lora.r: "0" is not a whole number above 0'),
    "out of a range of two ends": (["--model.warmup=2"], 'model.warmup: "2" is not a number from 0 to 1'),
    "linked setting": (["--data.tokenizer=x"], "give model.base instead"),
    "linked revision": (["--data.tokenizer_revision=x"], "give model.revision instead"),
    "no checkpoint": (["--ckpt_path=last"], "--ckpt_path last"),
    "unknown precision": (["--trainer.precision=auto"], "trainer.precision"),
    "narrow precision": (["--trainer.precision=bf16-true"], "bf16-true"),
    "no GPU": (["--trainer.accelerator=gpu"], "no GPU was found"),
    "negative epochs": (["--trainer.max_epochs=-5"], "max_epochs"),
    "empty repository": (["--data.repo="], "--data.repo is empty"),
    "empty name among repositories": (["--data.repo=[../numbers/.git,'']"], "--data.repo is empty"),
    "empty output": (["--output="], "--output is empty"),
    "empty cache": (["--data.cache="], "--data.cache is empty"),
    "empty base": (["--model.base="], "--model.base is empty"),
    "empty checkpoint": (["--ckpt_path="], "--ckpt_path is empty"),
    "repository with a null byte": (["--data.repo=a\0b"], "--data.repo holds a null byte"),
    "output with a null byte": (["--output=a\0b"], "--output holds a null byte"),
    "circle of links": (["--data.repo=../circle"], "../circle leads to no folder"),
    "missing value": (["--data.repo"], "data.repo: its value is missing; write --data.repo VALUE"),
    "precision that is none": (["--trainer.precision=17"], 'trainer.precision: "17" is not one of 64, 32, 16, trans'),
    "unknown callback": (["--trainer.callbacks=NoSuch"], 'trainer.callbacks: there is no callback "NoSuch"'),
    "misspelt callback": (["--trainer.callbacks=[EarlyStoping]"], '"EarlyStoping": did you mean EarlyStopping?'),
    "misspelt argument of a callback": (
        ["--trainer.callbacks=EarlyStopping", "--trainer.callbacks.monitr=x"],
        "monitr",
    ),
    "unknown class": (["--trainer.callbacks=codelm.callbacks.Progres"], "did you mean Progress?"),
    "unknown module": (["--trainer.callbacks=mine.Callback"], "there is no module mine"),
    "no callback at all": (["--trainer.callbacks={}"], 'there is no callback "{}"'),
    "function as logger": (["--trainer.logger", "os.system"], 'trainer.logger: there is no logger "os.system"'),
    "logger without its folder": (
        ["--trainer.logger=CSVLogger"],
        "CSVLogger needs save_dir; give it as --trainer.logger.",
    ),
    "argument of no class": (["--trainer.logger.save_dir=x"], "give --trainer.logger CLASS before it"),
    "logger of a missing library": (["--trainer.logger=WandbLogger"], "WandbLogger needs the package wandb"),
    "device of a missing library": (["--trainer.accelerator=tpu"], "needs the package torch_xla"),
    "callback that no file can hold": (["--trainer.callbacks=Timer"], "cannot hold the default of Timer's interval"),
    "unknown strategy": (["--trainer.strategy=quick"], 'there is no strategy "quick"'),
    "optimizer of a GPU that is not there": (["--model.optimizer=paged_adamw_8bit"], "needs a CUDA GPU: take adamw"),
    "log of no step": (["--trainer.log_every_n_steps=0"], "trainer.log_every_n_steps is 0: give 1 or more"),
    "validation of no epoch": (["--trainer.check_val_every_n_epoch=0"], "check_val_every_n_epoch is 0: give 1 or more"),
    "validation after no batch": (["--trainer.val_check_interval=0"], "trainer.val_check_interval is 0: give batches"),
    "validation beyond the epoch": (["--trainer.val_check_interval=1000"], "is 1000, and an epoch has 3 batches"),
    "negative clipping": (["--trainer.gradient_clip_val=-1"], "trainer.gradient_clip_val is -1: give 0 or more"),
    "overfitting": (["--trainer.overfit_batches=1"], "limit_train_batches and limit_val_batches"),
    "bare trainer": (["--trainer.barebones=true"], "trainer.barebones is true"),
    "no checkpoints": (["--trainer.enable_checkpointing=false"], "trainer.enable_checkpointing is false"),
    "folder of Lightning": (["--trainer.default_root_dir=x"], "--output is the folder for the runs"),
    "odd duration": (["--trainer.max_time=soon"], 'trainer.max_time: "soon" is no duration'),
    "steps of no batch": (["--trainer.accumulate_grad_batches=0"], "trainer.accumulate_grad_batches is 0"),
    "no validation": (["--trainer.limit_val_batches=0"], "trainer.limit_val_batches is 0"),
    "no training": (["--trainer.limit_train_batches=0"], "trainer.limit_train_batches is 0"),
    "no epochs": (["--trainer.max_epochs=0"], "trainer.max_epochs is 0: nothing would be learned"),
    "no time": (["--trainer.max_time=00:00:00:00"], "trainer.max_time is 0: nothing would be learned"),
    "no steps": (["--trainer.max_steps=0"], "trainer.max_steps is 0: nothing would be learned"),
    "a boundless rate": (["--model.learning_rate=inf"], "learning_rate is inf: give a number above 0"),
    "negative seed": (["--seed_everything=-1"], "seed_everything is -1"),
    "stopping by what is not logged": (["--early_stopping.monitor=val/bleu"], "early_stopping.monitor is val/bleu"),
    "choosing by what is not logged": (["--checkpoint.monitor=val_loss"], "checkpoint.monitor is val_loss"),
    "name that leads out": (["--name=../x"], "--name"),
    "output that is a file": (["--output=../short.yaml"], "--output"),
    "stray word": (["again"], "again"),
    "strange class": (["--config=../evil.yaml"], "--allow_code"),
    "double key": (["--config=../double.yaml"], "stands twice"),
    "no group": (["--config=../flat.yaml"], "data: 3 is not a group of settings"),
    "alias of what holds it": (["--config=../loop.yaml"], "an alias leads back"),
    "typo in a config": (["--config=../typo.yaml"], "did you mean data.revision?"),
}


@pytest.mark.parametrize(("arguments", "says"), BAD.values(), ids=BAD)
def test_a_bad_request_costs_one_line_and_leaves_nothing(arguments, says, codelm, folder):
    (folder.parent / "circle").symlink_to("circle")
    (folder.parent / "evil.yaml").write_text("trainer: {logger: evil.C}\n")
    (folder.parent / "double.yaml").write_text("name: a\nname: b\n")
    (folder.parent / "typo.yaml").write_text("data: {revison: x}\n")
    (folder.parent / "flat.yaml").write_text("data: 3\n")
    (folder.parent / "loop.yaml").write_text("name: &a [*a]\n")
    status, error = codelm("fit", "--quiet", *arguments)
    assert (status, error.count("\n")) == (2, 1), error
    assert error.startswith("codelm: error: ")
    assert says in error
    assert files(folder) == set()


def test_data_and_model_take_the_tokenizer_of_one_revision(codelm, monkeypatch):
    from codelm.bases import tokenizer

    asked, load = [], tokenizer.load_tokenizer
    for room in ("datamodules.prompt_format", "modules.lora_causal_lm"):
        monkeypatch.setattr(
            f"codelm.{room}.load_tokenizer", lambda name, revision: asked.append(revision) or load(name, revision)
        )
    status, error = codelm("fit", "--model.revision=v7", "--trainer.max_epochs=1")
    assert status == 0, error
    assert asked == ["v7", "v7"]


def test_where_everything_is_filtered_away_the_error_comes_below_the_reasons(codelm, folder):
    status, error = codelm("fit", "--quiet", "--data.filters.ignore=['*']")
    *table, line, end = error.split("\n")
    assert (status, end) == (2, "")
    assert "ignored by pattern *" in "\n".join(table)
    assert line.startswith("codelm: error: nothing is left of the train part")
    assert files(folder) == set()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_history_too_short_to_split_is_refused(count, codelm, folder, make_repository):
    short = make_repository([{"lib.rs": f"fn f{number}() {{}}\n"} for number in range(count)])
    status, error = codelm("fit", "--quiet", f"--data.repo={short}")
    assert (status, error.count("\n")) == (2, 1), error
    assert "commit" in error
    assert files(folder) == set()


def test_a_stopped_run_says_so_in_its_manifest(codelm, folder, monkeypatch):
    from codelm.modules import LoRACausalLM

    step = LoRACausalLM.training_step

    def stop_in_second_epoch(self, batch, batch_idx):
        if self.current_epoch == 1:
            signal.raise_signal(signal.SIGTERM)
        return step(self, batch, batch_idx)

    monkeypatch.setattr(LoRACausalLM, "training_step", stop_in_second_epoch)
    status, error = codelm("fit", "--quiet")
    assert (status, error) == (143, "codelm: stopped\n")
    assert manifest(folder)["status"] == "interrupted"
    assert (folder / "runs/numbers/version_0/adapter/adapter_model.safetensors").is_file()


def test_no_setting_of_model_or_data_may_name_code(folder, capsys):
    """The first look need not search there for plain text that the parser imports."""
    assert main(["fit", "--help"]) == 0
    groups = capsys.readouterr().out.split("\n\n")
    lines = [line for group in groups if "--model " in group or "--data" in group for line in group.splitlines()]
    assert lines
    assert not [line for line in lines if ".help" in line or "Callable" in line or "class_path" in line.lower()]


def test_the_loggers_are_as_they_were_before(codelm):
    before = logging.getLogger("lightning.pytorch").level, list(logging.getLogger("codelm").handlers)
    codelm("fit", "--data.repo=nowhere")
    assert (logging.getLogger("lightning.pytorch").level, logging.getLogger("codelm").handlers) == before


@pytest.fixture
def stop_in(monkeypatch):
    """Return a function that lets a signal come once, in the N-th training or validation step of the process."""
    from codelm.modules import LoRACausalLM

    def arm(name, number, sent):
        step, calls = getattr(LoRACausalLM, name), []

        def stopping_step(self, batch, batch_idx):
            calls.append((self.current_epoch, batch["input_ids"].tolist()))
            if len(calls) == number:
                signal.raise_signal(sent)
            return step(self, batch, batch_idx)

        monkeypatch.setattr(LoRACausalLM, name, stopping_step)
        return calls

    return arm


def moments(folder):
    return [(moment["epoch"], moment["step"]) for moment in training(folder)["history"]]


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_stopped_in_its_first_epoch_goes_on_behind_its_last_step(codelm, folder, stop_in, sent, status):
    """Six batches, two to a step; stopped in the fourth, so behind one step and half of another."""
    rows = ["--trainer.accumulate_grad_batches=2", "--trainer.limit_train_batches=6", "--data.batch_size=1"]
    calls = stop_in("training_step", 4, sent)
    assert codelm("fit", "--quiet", *rows) == (status, "codelm: stopped\n")
    assert (folder / "runs/numbers/version_0/checkpoints/last.ckpt").is_file()
    status, error = codelm("fit", "--ckpt_path=last", *rows)
    assert status == 0, error
    assert calls[4][1] == calls[2][1]
    assert [epoch for epoch, _ in calls] == [0] * 8 + [1] * 6
    assert moments(folder) == [(1, 3), (2, 6)]
    assert {path.name for path in (folder / "runs/numbers/version_0/checkpoints").glob("last*")} == {"last.ckpt"}


def test_a_run_stopped_in_a_validation_measures_all_of_it_when_it_goes_on(codelm, folder, stop_in):
    calls = stop_in("validation_step", 2, signal.SIGTERM)
    assert codelm("fit", "--quiet")[0] == 143
    status, error = codelm("fit", "--ckpt_path=last")
    assert status == 0, error
    assert [epoch for epoch, _ in calls] == [0, 0, 0, 0, 1, 1]
    assert calls[2:4] == calls[:2]
    assert moments(folder) == [(1, 3), (2, 6)]


def test_a_run_stopped_before_its_first_step_leaves_no_checkpoint(codelm, folder, stop_in):
    stop_in("training_step", 1, signal.SIGTERM)
    assert codelm("fit", "--quiet")[0] == 143
    assert not list((folder / "runs").rglob("*.ckpt"))
