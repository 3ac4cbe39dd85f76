"""`check` and `Snapshot.findings`, of this process and of another."""

import asyncio
import os

import pytest

import awaitgraph
import scene
from scene import settle, start

BLOCKED = """
import asyncio
import sys

def blocks():
    print("ready", flush=True)
    sys.stdin.read()

async def main():
    blocks()

asyncio.run(main())
"""


@pytest.fixture
def blocked():
    with scene.other(BLOCKED) as process:
        yield process


def test_nothing_is_wrong(run_c):
    async def main():
        start(asyncio.sleep(3600), "leaf")
        await settle()
        return awaitgraph.check(), awaitgraph.check(os.getpid()), awaitgraph.snapshot().findings()

    assert run_c(main) == ([], [], [])


def test_tasks_that_await_each_other(run_c):
    async def main():
        tasks = {}

        async def waits_for(name):
            # To cancel one does not cancel the other, which would go on for ever.
            await asyncio.shield(tasks[name])

        tasks["a"] = start(waits_for("b"), "a")
        tasks["b"] = start(waits_for("a"), "b")
        await settle()
        found = [*awaitgraph.check(), *awaitgraph.snapshot().findings()]
        ids = [(id(tasks[name]), name) for name in ("a", "b")]
        return found, ids

    found, ids = run_c(main)
    assert len(found) == 2
    for finding in found:
        assert finding.kind == "deadlock"
        assert sorted(finding.tasks) == sorted(ids)
        assert repr(finding) == "<awaitgraph.Finding deadlock: a and b wait for each other>"
        lines = str(finding).splitlines()
        assert lines[0] == "deadlock: a and b wait for each other"
        assert lines[1].startswith("  a  ")
        assert lines[2] == "    awaits b, by shield"
        assert lines[4] == "    awaits a, by shield"


def test_a_blocked_loop(blocked):
    (finding,) = awaitgraph.check(blocked.pid, seconds=0.3)
    assert finding.kind == "blocked_loop"
    assert [name for _, name in finding.tasks] == ["Task-1"]
    assert "    in blocks <string>:7" in str(finding)
    assert awaitgraph.check(blocked.pid, seconds=0) == []


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "1"])
def test_no_length_of_time(seconds):
    with pytest.raises((ValueError, TypeError)):
        awaitgraph.check(seconds=seconds)


def test_no_such_process():
    with pytest.raises(ProcessLookupError):
        awaitgraph.check(2**31 - 1)
