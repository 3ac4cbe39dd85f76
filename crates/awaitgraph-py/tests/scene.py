"""What the programs that are looked at are made of."""

import asyncio
import contextlib
import subprocess
import sys


@contextlib.contextmanager
def other(program):
    """A process that says "ready", and ends well when its input does."""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    with process:
        yield process
        process.stdin.close()
        assert process.wait() == 0


async def settle():
    """Lets every task go on until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def forever():
    await asyncio.get_running_loop().create_future()


def begin(coro, name):
    """A task that only whoever waits for it keeps, as asyncio has it."""
    task = asyncio.get_running_loop().create_task(coro)
    task.set_name(name)
    return task


def start(coro, name):
    """A task that lives as long as its loop."""
    task = begin(coro, name)
    vars(task.get_loop()).setdefault("_started_by_a_test", []).append(task)
    return task
