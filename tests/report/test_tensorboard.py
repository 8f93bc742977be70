import html
import math
import re
from types import SimpleNamespace

import pytest

from codelm.report.tensorboard import arrange, log_evaluation

TASK = {"path": "a.rs", "line": 3, "real": "a | b", "base": "", "tuned": "a\nb"}
FIGURES = {
    "likelihood": {"commits": 2, "by_commit": [{"base": 1.5, "tuned": 1.25}, {"base": 1.0, "tuned": 0.5}]},
    "general": {"base": 1.0, "tuned": 1.5},
    "holes": {"tasks": 2, "best": [TASK], "worst": [], "infill": {"tuned": {"valid": None, "exact": 0.5}}},
    "idioms": {"strip": [{"idiom": "?", "repository": 31.0, "base": 10.0, "tuned": 25.25}]},
    "memory": None,
    "epochs": [],
}


@pytest.fixture
def shown(tmp_path):
    """Return the events in TensorBoard after figures were logged."""
    from lightning.pytorch.loggers import TensorBoardLogger
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def run(figures):
        logger = TensorBoardLogger(tmp_path)
        log_evaluation(SimpleNamespace(loggers=[logger], global_step=0), figures, 7)
        logger.experiment.flush()
        events = EventAccumulator(logger.log_dir)
        events.Reload()
        return events

    return run


def test_a_run_s_settings_stand_beside_its_results_and_three_plots_come_first(tmp_path):
    from lightning.pytorch.loggers import TensorBoardLogger
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    logger = TensorBoardLogger(tmp_path)
    settings = {"model.lora.r": 8, "model.base": "tiny", "data.repo": ["a", "b"], "trainer.max_epochs": None}
    arrange(logger, settings | {"model.lora.dora": False, "output": "runs"})
    logger.log_metrics({"val/loss": 2.0}, 3)
    logger.experiment.flush()
    events = EventAccumulator(logger.log_dir)
    events.Reload()
    found = {
        name: HParamsPluginData.FromString(content) for name, content in events.PluginTagToContent("hparams").items()
    }
    given = found["_hparams_/session_start_info"].session_start_info.hparams
    assert {name: getattr(value, value.WhichOneof("kind")) for name, value in given.items()} == {
        "model.lora.r": 8,
        "model.base": "tiny",
        "model.lora.dora": "false",
    }
    results = [info.name.tag for info in found["_hparams_/experiment"].experiment.metric_infos]
    assert {"val/loss", "evaluation/general/forgetting_percent"} <= set(results)
    assert events.Scalars("val/loss")[0].value == 2.0
    [event] = events.Tensors("custom_scalars__config__")
    [category] = Layout.FromString(event.tensor_proto.string_val[0]).category
    assert list(category.chart[0].multiline.tag) == ["train/loss", "val/loss", "val/base_loss"]
    assert len(category.chart) == 3


def test_without_an_evaluation_no_plot_is_empty(tmp_path):
    from lightning.pytorch.loggers import TensorBoardLogger
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

    logger = TensorBoardLogger(tmp_path)
    arrange(logger, {"evaluation.enabled": False})
    logger.experiment.flush()
    events = EventAccumulator(logger.log_dir)
    events.Reload()
    [event] = events.Tensors("custom_scalars__config__")
    [category] = Layout.FromString(event.tensor_proto.string_val[0]).category
    assert [chart.title for chart in category.chart] == ["nats per token"]


def test_figures_are_scalars_at_the_step_of_the_evaluated_weights_and_bits_per_byte_are_by_commit(shown):
    events = shown(FIGURES)
    assert [(each.step, each.value) for each in events.Scalars("evaluation/general/tuned")] == [(7, 1.5)]
    assert [(each.step, each.value) for each in events.Scalars("held_out_commits/tuned")] == [(0, 1.25), (1, 0.5)]
    assert [each.value for each in events.Scalars("held_out_commits/base")] == [1.5, 1.0]


def test_infill_tasks_and_idioms_are_tables(shown):
    events = shown(FIGURES)
    tags = events.Tags()["tensors"]
    assert {"holes/best/text_summary", "idioms/text_summary"} == set(tags)
    text = events.Tensors("idioms/text_summary")[0].tensor_proto.string_val[0].decode()
    assert re.findall(r"<code>(.*?)</code>", html.unescape(text)) == ["?", "31.0", "10.0", "25.2"]
    best = events.Tensors("holes/best/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "a.rs:3" in html.unescape(best)


def test_what_was_not_measured_is_not_shown(shown):
    nothing = dict.fromkeys(("likelihood", "general", "cursor", "holes", "idioms", "memory"))
    assert shown(nothing | {"notes": ["a"]}).Tags()["scalars"] == []


def test_both_ends_of_an_interval_are_shown_and_the_description_of_the_run_is_not(shown):
    new = {"commits": 40, "interval": [-8.5, -2.5]}
    figures = FIGURES | {
        "codelm_evaluation": 1,
        "run": {"best_epoch": 2, "seconds": 123.4},
        "likelihood": {"by_commit": [], "new": new, "added": {"commits": 9, "interval": None}},
    }
    events = shown(figures)
    tags = [tag for tag in events.Tags()["scalars"] if tag.startswith("evaluation/likelihood")]
    assert {tag: events.Scalars(tag)[0].value for tag in tags} == {
        "evaluation/likelihood/new/commits": 40,
        "evaluation/likelihood/new/interval/low": -8.5,
        "evaluation/likelihood/new/interval/high": -2.5,
        "evaluation/likelihood/added/commits": 9,
    }
    assert not [tag for tag in events.Tags()["scalars"] if "codelm_evaluation" in tag or "/run/" in tag]


def test_only_numbers_are_scalars():
    figures = {"a": {"b": 1, "c": None, "d": True, "e": "x", "f": [1]}, "g": 2.5, "h": math.inf}
    logged = {}
    logger = SimpleNamespace(log_metrics=lambda found, step: logged.update(found))
    log_evaluation(SimpleNamespace(loggers=[logger]), figures, 7)
    assert logged == {"evaluation/a/b": 1.0, "evaluation/g": 2.5, "evaluation/h": math.inf}
