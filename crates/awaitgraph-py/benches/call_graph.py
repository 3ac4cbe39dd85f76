"""The package beside asyncio, in one process, each taking its turn.

    python call_graph.py

A machine is never the same for two seconds, so both sides are measured in
short turns, one after the other, and what counts is the median of what each
pair of turns gives. Before CPython 3.14 there is nothing to compare with, and
the package is measured alone.
"""

import asyncio
import itertools
import platform
import statistics
import time

import awaitgraph

# How many times as fast as asyncio.
GOALS = {"capture": 4.0, "format": 8.0}
TURNS = 41
SECONDS_A_TURN = 0.01


def time_of(function, argument, repeats):
    begin = time.perf_counter()
    for _ in itertools.repeat(None, repeats):
        function(argument)
    return (time.perf_counter() - begin) / repeats


def repeats_for(function, argument):
    """As many as take about the time of a turn."""
    return max(1, round(SECONDS_A_TURN / time_of(function, argument, 3)))


def compare(scene, what, future):
    ours = getattr(awaitgraph, f"{what}_call_graph")
    theirs = getattr(asyncio, f"{what}_call_graph", None)
    if theirs is None:
        repeats = repeats_for(ours, future)
        alone = min(time_of(ours, future, repeats) for _ in range(TURNS))
        print(f"{scene:24} {what:8} {alone * 1e6:10.2f} us")
        return
    assert ours(future) == theirs(future), "both must say the same"
    repeats = {side: repeats_for(side, future) for side in (ours, theirs)}
    turns = [
        [time_of(side, future, repeats[side]) for side in (theirs, ours)] for _ in range(TURNS)
    ]
    ratio = statistics.median(their / our for their, our in turns)
    their, our = (statistics.median(side) * 1e6 for side in zip(*turns))
    goal = GOALS[what]
    missed = "" if ratio >= goal else "  MISSED"
    print(
        f"{scene:24} {what:8} {their:10.2f} us {our:10.2f} us"
        f"  {ratio:5.1f} times as fast (goal: {goal:g}){missed}"
    )


async def waits(awaitable):
    await awaitable


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def task_group():
    """A leaf of a TaskGroup of 1,000 tasks."""
    end = asyncio.get_running_loop().create_future()
    # Outside of the group: while it measures, the group is at its end.
    async with asyncio.TaskGroup() as tasks:
        leaves = [tasks.create_task(waits(end)) for _ in range(1_000)]
        measuring = asyncio.create_task(measure("TaskGroup of 1,000", leaves[500], end))
    await measuring


async def gather():
    """A leaf of a gather of 1,000 tasks."""
    end = asyncio.get_running_loop().create_future()
    leaves = [asyncio.create_task(waits(end)) for _ in range(1_000)]
    measuring = asyncio.create_task(measure("gather of 1,000", leaves[500], end))
    await asyncio.gather(*leaves)
    await measuring


async def chain():
    """A chain of 200 tasks, from its end."""
    end = asyncio.get_running_loop().create_future()
    tasks = [asyncio.create_task(waits(end))]
    for _ in range(199):
        tasks.append(asyncio.create_task(waits(tasks[-1])))
    await measure("chain of 200", tasks[0], end)


async def measure(scene, future, end):
    """Compares, and then ends the scene."""
    await settle()
    for what in GOALS:
        compare(scene, what, future)
    end.set_result(None)


async def alone():
    """What asyncio does not finish."""
    end = asyncio.get_running_loop().create_future()
    below = [asyncio.create_task(waits(end)) for _ in range(2)]
    leaf = below[0]
    for _ in range(499):
        below = [asyncio.create_task(waits(asyncio.wait(below))) for _ in range(2)]
    long = [asyncio.create_task(waits(end))]
    for _ in range(99_999):
        long.append(asyncio.create_task(waits(long[-1])))
    await settle()
    for scene, future in ("ladder of 500 diamonds", leaf), ("chain of 100,000", long[0]):
        for what in GOALS:
            taken = min(
                time_of(getattr(awaitgraph, f"{what}_call_graph"), future, 1) for _ in range(7)
            )
            print(f"{scene:24} {what:8} {'':13} {taken * 1e3:10.2f} ms")
    end.set_result(None)
    await asyncio.wait([*below, long[-1]])


def main():
    print(f"CPython {platform.python_version()}: asyncio, awaitgraph")
    for scene in (task_group, gather, chain, alone):
        asyncio.run(scene())


if __name__ == "__main__":
    main()
