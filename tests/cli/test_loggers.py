from types import SimpleNamespace

import pytest

from codelm.cli.loggers import SaveFitConfig


def test_a_configuration_that_cannot_be_written_leaves_the_one_before(tmp_path):
    class Parser:
        def __init__(self, error=None):
            self.error = error

        def save(self, config, path, **options):
            path.write_text(config if self.error is None else config[:3])
            if self.error is not None:
                raise self.error

    trainer = SimpleNamespace(log_dir=str(tmp_path), is_global_zero=True)
    model = SimpleNamespace(base="tiny", base_name="tiny")
    SaveFitConfig(Parser(), "name: first").on_fit_start(trainer, model)
    with pytest.raises(KeyboardInterrupt):
        SaveFitConfig(Parser(KeyboardInterrupt()), "name: second").on_fit_start(trainer, model)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
    assert (tmp_path / "config.yaml").read_text() == "name: first"
