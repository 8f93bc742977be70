"""``python -m experiments.pretrain``; ``--help`` says more."""

import sys

from experiments.pretrain.command import main

if __name__ == "__main__":
    sys.exit(main())
