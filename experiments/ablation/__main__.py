#!/usr/bin/env python3
"""Measure what each part of the recipe is worth, beside a public one, at equal tokens; `--help` says more."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.venv import go_on_in_venv

if __name__ == "__main__":
    go_on_in_venv()
    from scripts.ablation.command import main

    sys.exit(main())
