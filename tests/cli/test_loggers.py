import errno
import os
import time
from types import SimpleNamespace

import pytest
from jsonargparse import Namespace
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from codelm.cli.loggers import EventLogger, SaveFitConfig
from codelm.cli.logging import run_logging


def test_a_configuration_that_cannot_be_written_leaves_the_one_before(tmp_path):
    class Parser:
        def __init__(self, error=None):
            self.error = error

        def save(self, config, path, **options):
            text = str(config)
            path.write_text(text if self.error is None else text[:3])
            if self.error is not None:
                raise self.error

    counts = {
        "limit_train_batches": 1.0,
        "limit_val_batches": 1.0,
        "limit_test_batches": 1.0,
        "val_check_interval": 1.0,
    }
    data = SimpleNamespace(batch_size=4)
    trainer = SimpleNamespace(
        log_dir=str(tmp_path), is_global_zero=True, datamodule=data, accumulate_grad_batches=4, loggers=[], **counts
    )
    model = SimpleNamespace(base="tiny", base_name="tiny", base_identity=None)
    SaveFitConfig(Parser(), Namespace(name="first")).on_fit_start(trainer, model)
    with pytest.raises(KeyboardInterrupt):
        SaveFitConfig(Parser(KeyboardInterrupt()), Namespace(name="second")).on_fit_start(trainer, model)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
    decided = {"data.batch_size": 4, "trainer.accumulate_grad_batches": 4}
    assert (tmp_path / "config.yaml").read_text() == str(Namespace({"name": "first"} | decided))


def test_a_disk_that_is_full_for_events_is_one_error_and_no_traceback_of_a_thread(tmp_path, monkeypatch, capsys):
    def refuse(its, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tensorboard.summary.writer.record_writer.RecordWriter.write", refuse)

    def write_events():
        writer = EventFileWriter(str(tmp_path))
        for _ in range(100):
            writer.flush()
            time.sleep(0.05)

    with run_logging(quiet=False, debug=False), pytest.raises(OSError, match="No space left"):
        write_events()
    assert "Traceback" not in capsys.readouterr().err


def test_events_that_cannot_be_written_are_no_wrong_metric(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    logger = EventLogger(tmp_path, "run", "version_0")
    monkeypatch.setattr(logger.experiment, "add_scalar", full)
    with pytest.raises(OSError, match="No space left on device"):
        logger.log_metrics({"loss": 1.0}, 1)


def test_a_metric_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="you tried to log"):
        EventLogger(tmp_path, "run", "version_0").log_metrics({"loss": "low"}, 1)
