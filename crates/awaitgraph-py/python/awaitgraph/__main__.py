"""``python -m awaitgraph`` is the command ``awaitgraph``."""

import sys

from awaitgraph._command import main

if __name__ == "__main__":
    sys.exit(main())
