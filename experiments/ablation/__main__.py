"""``python -m experiments.ablation``; ``--help`` says more."""

import sys

from experiments.ablation.command import main

if __name__ == "__main__":
    sys.exit(main())
