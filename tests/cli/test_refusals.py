"""Requests that cannot be met, each of which costs one line."""

import pytest

from tests.cli.short_runs import files

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
    "overfitting": (["--trainer.overfit_batches=1"], "trainer.limit_train_batches and trainer.limit_val_batches"),
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
    "a boundless ratio of rates": (["--model.lora.loraplus_ratio=inf"], "loraplus_ratio is inf: give a number above 0"),
    "boundless time": (["--evaluation.minutes=inf"], "evaluation.minutes is inf: give a number above 0"),
    "a prompt that is no text": (["--behavior.prompts+=\udcff"], "behavior.prompts is not text in UTF-8"),
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


def test_a_rank_that_no_memory_holds_costs_one_line_and_no_memory(codelm, folder):
    status, error = codelm("fit", "--quiet", "--model.lora.r=1000000000")
    assert (status, error.count("\n")) == (4, 1), error
    assert "the adapters alone need more than there is" in error
    assert "give a smaller --model.lora.r" in error
    assert files(folder) == set()


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
