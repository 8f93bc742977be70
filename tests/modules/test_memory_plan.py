import pytest

from codelm.modules.memory_plan import MemoryPlan, largest_batch
from codelm.modules.step_memory import StepMemory

GIB = 2**30


def trace(rows):
    """A step of StarCoder2-3B's size: 2 GiB of weights, and 1 GiB for each row."""
    return StepMemory(2 * GIB, 0, rows * GIB, 0, 0)


@pytest.mark.parametrize(
    ("free", "rows"), [(4.1, 1), (4.9, 1), (5.2, 2), (7.4, 4), (11.8, 8), (20.6, 16), (80, 16), (3, 1), (0, 1)]
)
def test_the_most_rows_that_fit_with_the_margin_are_taken(free, rows):
    plan = largest_batch(trace, 16, int(free * GIB), "cuda:0", 0)
    assert plan.rows == rows
    assert plan.fits == (plan.step.peak * 1.1 + 0.7 * GIB <= free * GIB)


@pytest.mark.parametrize(("rows", "taken"), [(1, 1), (2, 2), (6, 3), (7, 1), (12, 4), (15, 3)])
def test_rows_at_a_time_divide_those_of_a_step(rows, taken):
    assert largest_batch(trace, rows, int(7.4 * GIB), "cuda:0", 0).rows == taken


def test_few_sizes_are_traced():
    traced = []

    def counted(rows):
        traced.append(rows)
        return trace(rows)

    assert largest_batch(counted, 64, int(7.4 * GIB), "cuda:0", 0).rows == 4
    assert sorted(traced) == [1, 2, 4]


def test_what_is_counted_is_told_from_the_margin():
    plan = MemoryPlan(1, StepMemory(GIB, GIB // 2, 2 * GIB, 0, GIB // 4), 5 * GIB, "cuda:0", 0)
    assert str(plan) == (
        "a step with 1 row at a time needs 3.75 GiB (weights 1.00, adapters 0.50, activations 2.00, backward 0.25) "
        "and about 1.1 GiB beside it; cuda:0 has 5.00 GiB free"
    )
    assert plan.fits
    assert not plan.is_hopeless
    small = MemoryPlan(2, StepMemory(8 << 20, 6 << 20, 100 << 20, 9, 0), 5 * GIB, "cpu", 0)
    assert "2 rows at a time needs 114 MiB (weights 8, adapters 6, activations 100) and about 0.7 GiB" in str(small)


def test_what_fits_without_the_margin_alone_is_doubtful_and_not_hopeless():
    doubtful, hopeless = (MemoryPlan(1, trace(1), int(free * GIB), "cpu", 0) for free in (3.1, 2.9))
    assert (doubtful.fits, doubtful.is_hopeless) == (False, False)
    assert (hopeless.fits, hopeless.is_hopeless) == (False, True)


@pytest.mark.parametrize(("host_free", "fits", "hopeless"), [(4, True, False), (2.2, False, False), (1.9, False, True)])
def test_what_the_host_keeps_has_to_fit_into_its_memory(host_free, fits, hopeless):
    plan = MemoryPlan(1, StepMemory(GIB, 0, 0, 0, 0, host=2 * GIB), 5 * GIB, "cuda:0", int(host_free * GIB))
    assert (plan.fits, plan.host_is_short, plan.is_hopeless) == (fits, not fits, hopeless)
    assert str(plan).endswith(f"GiB free; the host keeps 2.00 GiB for it and has {host_free:.2f} free")
