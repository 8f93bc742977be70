"""TRL trains on what ``codelm data`` writes."""

import pytest

from experiments.other_trainer import compare, lines, main


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of TRL and datasets
def test_trl_learns_from_a_dataset_what_codelm_learns(rust_repository, tmp_path):
    pytest.importorskip("trl")
    found = compare(str(rust_repository), tmp_path)
    losses = found["losses"]
    assert losses["TRL"] == pytest.approx(losses["codelm"], rel=0.01)
    assert losses["TRL"] < losses["base"] * 0.9  # far more than the two may be apart
    assert list(lines(found))[-1].startswith("TRL beside codelm ")


def test_without_trl_one_line_says_what_is_needed(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("experiments.other_trainer.installed_version", lambda name: None)
    assert main([str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "'.[ablation]'" in said
