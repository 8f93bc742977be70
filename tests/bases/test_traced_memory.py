import re
from itertools import product
from pathlib import Path

import pytest
import yaml

import codelm
from codelm.bases.traced_memory import TracedStep, traced_steps

ROOT = Path(codelm.__file__).parents[1]
ROW = re.compile(r"\| (\w+\.yaml)(, offloading)?, (\d+) x ([\d,]+) \|.*\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$")
"""A row of the table; the figures are those counted, with the margin, and kept by the host."""

SHAPES = ("rust.yaml", 4096), ("default.yaml", 2048)


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="an installed package has no docs")
def test_the_figures_are_those_of_the_documentation():
    found = {}
    for line in (ROOT / "docs" / "memory.md").read_text("utf-8").splitlines():
        if row := ROW.match(line):
            step = TracedStep(int(row[3]), *map(float, row.groups()[4:]))
            found.setdefault((row[1], int(row[4].replace(",", "")), bool(row[2])), []).append(step)
    assert set(found) == {(*shape, offloads) for shape in SHAPES for offloads in (False, True)}
    for (name, length, offloads), steps in found.items():
        config = yaml.safe_load((ROOT / "configs" / name).read_text("utf-8"))
        assert config["data"]["sequence_length"] == length
        assert traced_steps(config["model"]["base"], config["model"]["lora"]["r"], length, offloads=offloads) == tuple(
            steps
        )


@pytest.mark.slow
def test_the_figures_are_those_of_the_trace(tmp_path):
    from transformers import Starcoder2Config

    from experiments.memory import PUBLISHED, lines

    Starcoder2Config(**PUBLISHED).save_pretrained(tmp_path)
    printed = [ROW.match(line) for line in lines(str(tmp_path))]
    traced = [TracedStep(int(row[3]), *map(float, row.groups()[4:])) for row in printed if row]
    shapes = product(((16, 4096), (8, 2048)), (False, True))
    steps = [traced_steps("bigcode/starcoder2-3b", *shape, offloads=offloads) for shape, offloads in shapes]
    assert traced == [step for each in steps for step in each]


def test_of_others_nothing_is_known():
    assert traced_steps("tiny", 16, 4096) == ()
    assert traced_steps("bigcode/starcoder2-3b", 32, 4096) == ()
