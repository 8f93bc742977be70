import resource

import torch

from codelm.runs.environment import hardware, peaks, versions


def test_the_machine_is_described():
    found = hardware()
    assert found["cpu"]
    assert found["cpu_threads"] >= 1
    assert 0.1 < found["ram_gib"] < 100_000


def test_the_peak_is_what_the_system_counts():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    assert 0.9 * before <= peaks()["ram_gib"] <= 1.5 * before


def test_versions_are_those_of_the_libraries_that_read_train_and_parse():
    found = versions()
    assert torch.__version__.startswith(found["torch"].partition("+")[0])
    assert {"python", "codelm", "lightning", "transformers", "peft", "jsonargparse", "gitpython"} <= set(found)
