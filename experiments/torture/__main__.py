"""``python -m experiments.torture``; ``--help`` says more."""

import sys

from experiments.torture.command import main

if __name__ == "__main__":
    sys.exit(main())
