#!/usr/bin/env python3
"""Make the bundled base model: corpus, tokenizer, training, evaluation; `--help` says more."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.venv import go_on_in_venv

if __name__ == "__main__":
    go_on_in_venv()
    from scripts.pretrain.command import main

    sys.exit(main())
