"""`allow_attach`, and that it allows what Yama forbids."""

import os
import pathlib
import subprocess
import sys

import pytest

import awaitgraph

SCOPE = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")

# The one that is read is no ancestor of the one that reads.
READER = """
import os, sys
import awaitgraph

def read():
    try:
        awaitgraph.snapshot(int(sys.argv[1]))
    except PermissionError as error:
        return str(error)
    return "read"

print(read(), flush=True)
"""
TARGET = """
import sys
import awaitgraph

print("ready", flush=True)
for line in sys.stdin:
    awaitgraph.allow_attach()
    print("allowed", flush=True)
"""


def test_any_process_and_one_may_be_allowed():
    assert awaitgraph.allow_attach() is None
    assert awaitgraph.allow_attach("any") is None
    assert awaitgraph.allow_attach(pid=os.getpid()) is None


def test_a_process_that_there_is_not():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    for pid in (child.pid, 0, -1, 1 << 40):
        with pytest.raises(ProcessLookupError):
            awaitgraph.allow_attach(pid)


def test_other_words_and_things():
    with pytest.raises(ValueError, match="number or 'any'"):
        awaitgraph.allow_attach("all")
    for thing in (None, 1.5, b"any"):
        with pytest.raises(TypeError, match="number or 'any'"):
            awaitgraph.allow_attach(thing)


@pytest.mark.skipif(
    not SCOPE.exists() or SCOPE.read_text() != "1\n" or os.geteuid() == 0,
    reason="it takes a user without privileges, and kernel.yama.ptrace_scope 1",
)
def test_who_was_forbidden_to_read_is_allowed():
    target = subprocess.Popen(
        [sys.executable, "-c", TARGET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def read():
        reader = [sys.executable, "-c", READER, str(target.pid)]
        return subprocess.run(reader, capture_output=True, text=True, check=True).stdout

    with target:
        assert target.stdout.readline() == "ready\n"
        assert "kernel.yama.ptrace_scope is 1" in read()
        print("allow", file=target.stdin, flush=True)
        assert target.stdout.readline() == "allowed\n"
        assert read() == "read\n"
        target.stdin.close()
