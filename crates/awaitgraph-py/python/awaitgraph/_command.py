"""The command ``awaitgraph``, as the package's script and ``python -m awaitgraph``."""

import signal
import sys
import threading

from awaitgraph import _native


def main():
    """Run the command with the arguments of this process; return its exit code."""
    # Python's handler only notes that Ctrl-C was pressed, for Python code to
    # notice: there is none while the command runs.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    return _native.run(["awaitgraph", *sys.argv[1:]])
