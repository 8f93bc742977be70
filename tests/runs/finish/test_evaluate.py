import json
import logging
import time
from pathlib import Path

import pytest
from lightning.pytorch import Callback

from codelm.report.outline import outline
from codelm.runs.tested_run import fingerprint


def folder(trainer):
    return Path(trainer.log_dir)


def manifest(trainer):
    return json.loads((folder(trainer) / "MANIFEST.json").read_text())


def test_only_what_the_saved_weights_have_learned_counts_as_learned(run_history, monkeypatch):
    from codelm.runs import evaluation as module

    given, data = [], module.EvaluationData
    monkeypatch.setattr(module, "EvaluationData", lambda *arguments: given.append(arguments[2]) or data(*arguments))
    monkeypatch.setattr("codelm.runs.finish.export_adapter.read_step", lambda checkpoint: 4)
    trainer, _, _ = run_history(accumulate_grad_batches=2, limit_train_batches=5, max_epochs=2)
    first, second = (trainer.datamodule.rows(epoch) for epoch in (0, 1))
    assert trainer.global_step == 6
    learned = sorted({index for row in first + second[:4] for index in row})
    assert given == [learned]
    assert manifest(trainer)["evaluation"]["run"]["learned"] == fingerprint(4, learned)


@pytest.mark.parametrize("what", ["evaluation.evaluate", "evaluation.EvaluationData", "figures.new_file"])
def test_a_failure_costs_neither_the_adapter_nor_the_manifest(run_history, monkeypatch, caplog, what):
    def fail(*_, **__):
        raise RuntimeError("no memory\nat all")

    monkeypatch.setattr(f"codelm.runs.{what}", fail)
    with caplog.at_level(logging.WARNING):
        trainer, _, _ = run_history(max_epochs=1)
    assert "the evaluation failed, everything else stands: RuntimeError: no memory at all" in caplog.text
    assert (folder(trainer) / "adapter/adapter_model.safetensors").is_file()
    content = manifest(trainer)
    assert content["status"] == "completed"
    assert content["evaluation"] == {"unfinished": "RuntimeError: no memory at all"}


def test_a_logger_that_fails_costs_no_figure(run_history, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("no network\nat all")

    monkeypatch.setattr("codelm.runs.evaluation.log_evaluation", fail)
    with caplog.at_level(logging.WARNING):
        trainer, _, _ = run_history(max_epochs=1)
    assert "not written to the loggers, the report stands: RuntimeError: no network at all" in caplog.text
    assert (folder(trainer) / "report.html").is_file()
    assert manifest(trainer)["evaluation"]["run"]["part"] == "test"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_training_whose_evaluation_is_stopped_is_completed_all_the_same(
    run_history, monkeypatch, tmp_path, error, caplog
):
    def stop(*_, **__):
        raise error

    monkeypatch.setattr("codelm.runs.evaluation.evaluate", stop)
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        run_history(max_epochs=1)
    (path,) = tmp_path.rglob("MANIFEST.json")
    best = path.parent / "checkpoints/best.ckpt"
    assert f"codelm test --config {path.parent / 'config.yaml'} --ckpt_path {best} makes the report" in caplog.text
    assert f"the adapter is {path.parent / 'adapter'}; " in caplog.text
    content = json.loads(path.read_text())
    assert (content["status"], content["evaluation"]) == ("completed", {"unfinished": "stopped"})
    assert (path.parent / "adapter/adapter_model.safetensors").is_file()


def test_the_time_of_training_leaves_out_the_evaluation(run_history, monkeypatch):
    from codelm.runs import evaluation as module

    first, original = {}, module.evaluate

    def late(*arguments):
        first["content"] = json.loads((folder(holder["trainer"]) / "MANIFEST.json").read_text())
        time.sleep(0.3)
        return original(*arguments)

    holder = {}

    class Hold(Callback):
        def on_fit_start(self, trainer, pl_module):
            holder["trainer"] = trainer

    monkeypatch.setattr(module, "evaluate", late)
    trainer, _, _ = run_history(Hold(), max_epochs=1)
    seconds = [each["phase_results"]["phase_4_training"]["seconds"] for each in (first["content"], manifest(trainer))]
    assert seconds[1] - seconds[0] < 0.2
    assert manifest(trainer)["evaluation"]["likelihood"]["commits"] > 0


def test_the_manifest_s_part_is_the_figures_without_their_lists(run_history):
    trainer, _, record = run_history(max_epochs=1)
    assert manifest(trainer)["evaluation"] == json.loads(json.dumps(outline(record.figures)))


def test_a_rehearsal_writes_no_report(run_history):
    assert run_history(fast_dev_run=True)[2].figures is None
