"""``python3 -m pvhready``."""

import sys

from pvhready.cli import main

if __name__ == "__main__":
    sys.exit(main())
