"""TRL trains on what ``codelm data`` writes."""

import pytest


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of TRL and datasets
@pytest.mark.parametrize("columns", ["tokens", "prompt-completion"])
def test_trl_learns_from_a_dataset_what_codelm_learns(rust_repository, tmp_path, columns):
    pytest.importorskip("trl")
    from experiments.other_trainer import compare, lines

    found = compare(str(rust_repository), tmp_path, columns=columns)
    losses = found["losses"]
    assert losses["TRL"] == pytest.approx(losses["codelm"], rel=0.1)  # of a few steps on a small history
    assert losses["TRL"] < losses["base"] * 0.8
    assert losses["codelm"] < losses["base"] * 0.8
    assert list(lines(found))[-1].startswith("TRL beside codelm ")
