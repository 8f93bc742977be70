import re
from pathlib import Path

import pytest
import yaml

import codelm
from codelm.bases.traced_memory import TracedStep, traced_steps

ROOT = Path(codelm.__file__).parents[1]
ROW = re.compile(r"\| (\w+\.yaml), (\d+) x ([\d,]+) \|.*\| ([\d.]+) \| ([\d.]+) \| 0\.00 \|$")
"""A row of the table in which the host keeps nothing; the figures are those counted, and with the margin."""


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="an installed package has no docs")
def test_the_figures_are_those_of_the_documentation():
    found = {}
    for line in (ROOT / "docs" / "memory.md").read_text("utf-8").splitlines():
        if row := ROW.match(line):
            step = TracedStep(int(row[2]), float(row[4]), float(row[5]))
            found.setdefault((row[1], int(row[3].replace(",", ""))), []).append(step)
    assert set(found) == {("rust.yaml", 4096), ("default.yaml", 2048)}
    for (name, length), steps in found.items():
        config = yaml.safe_load((ROOT / "configs" / name).read_text("utf-8"))
        assert config["data"]["sequence_length"] == length
        assert traced_steps(config["model"]["base"], config["model"]["lora"]["r"], length) == tuple(steps)


@pytest.mark.slow
def test_the_figures_are_those_of_the_trace(tmp_path):
    from transformers import Starcoder2Config

    from experiments.memory import PUBLISHED, lines

    Starcoder2Config(**PUBLISHED).save_pretrained(tmp_path)
    printed = [ROW.match(line) for line in lines(str(tmp_path))]
    traced = [(float(row[4]), float(row[5])) for row in printed if row]
    known = [*traced_steps("bigcode/starcoder2-3b", 16, 4096), *traced_steps("bigcode/starcoder2-3b", 8, 2048)]
    assert traced == [(step.counted, step.with_margin) for step in known]


def test_of_others_nothing_is_known():
    assert traced_steps("tiny", 16, 4096) == ()
    assert traced_steps("bigcode/starcoder2-3b", 32, 4096) == ()
