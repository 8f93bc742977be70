"""``python -m codelm``: the same as ``codelm``."""

import sys

from codelm.cli import main

if __name__ == "__main__":
    sys.exit(main())
