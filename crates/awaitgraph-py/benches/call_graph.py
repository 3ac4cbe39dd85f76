"""How fast the call graph is captured and written out, beside asyncio's own.

Both are measured in one process, in turn, on the same graphs; what counts is
the ratio of two runs that follow each other. Needs CPython 3.14 or later,
which has something to compare with.
"""

import asyncio
import gc
import statistics
import sys
import time

import awaitgraph

# Many short rounds: a machine with other work to do spoils few of them.
ROUNDS = 201
SECONDS_A_ROUND = 0.002


async def forever():
    await asyncio.get_running_loop().create_future()


async def settle():
    """Lets every task that was made take its first steps."""
    for _ in range(3):
        await asyncio.sleep(0)


async def leaf_of_a_group(size):
    """A leaf of a group of `size` tasks, and what ends it."""

    async def parent():
        await asyncio.gather(*leaves)

    leaves = [asyncio.create_task(forever(), name=f"leaf-{n}") for n in range(size)]
    waiting = asyncio.create_task(parent(), name="parent")
    await settle()
    return leaves[size // 2], [waiting, *leaves]


async def end_of_a_chain(length):
    """The task at the end of a chain in which each awaits the next."""

    async def link(behind):
        await behind

    tasks = [asyncio.create_task(forever(), name="link-0")]
    for n in range(1, length):
        tasks.append(asyncio.create_task(link(tasks[-1]), name=f"link-{n}"))
    await settle()
    return tasks[0], tasks


async def foot_of_a_ladder(diamonds):
    """The task below a ladder of diamonds: two tasks await each, and one awaits both."""

    async def waits_for(*tasks):
        await asyncio.gather(*tasks)

    foot = top = asyncio.create_task(forever(), name="foot")
    tasks = [foot]
    for n in range(diamonds):
        sides = [asyncio.create_task(waits_for(top), name=f"{side}-{n}") for side in "lr"]
        top = asyncio.create_task(waits_for(*sides), name=f"top-{n}")
        tasks += [*sides, top]
    for _ in range(2):
        await settle()
    return foot, tasks


def once(function, times):
    """Seconds that one call takes, over so many."""
    begin = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - begin) / times


def beside(name, ours, theirs):
    """Prints how often as fast ours is."""
    for function in (ours, theirs):
        function()
    times_ours = max(1, int(SECONDS_A_ROUND / once(ours, 3)))
    times_theirs = max(1, int(SECONDS_A_ROUND / once(theirs, 3)))
    pairs = [(once(ours, times_ours), once(theirs, times_theirs)) for _ in range(ROUNDS)]
    ratios = sorted(slow / fast for fast, slow in pairs)
    fast, slow = (statistics.median(column) * 1e6 for column in zip(*pairs))
    low, high = ratios[len(ratios) // 10], ratios[-len(ratios) // 10]
    print(
        f"{name:36} {fast:9.2f} µs {slow:9.2f} µs"
        f"   {statistics.median(ratios):5.1f} times as fast (of ten, eight: {low:.1f} to {high:.1f})"
    )


async def main():
    print(f"CPython {sys.version.split()[0]}: awaitgraph, asyncio, ratio of the two in turn")
    for what, made in (
        ("a leaf of a 1,000-task group", leaf_of_a_group(1000)),
        ("a chain of 200 tasks", end_of_a_chain(200)),
    ):
        task, tasks = await made
        gc.collect()
        beside(
            f"capture, {what}",
            lambda: awaitgraph.capture_call_graph(task),
            lambda: asyncio.capture_call_graph(task),
        )
        beside(
            f"format, {what}",
            lambda: awaitgraph.format_call_graph(task),
            lambda: asyncio.format_call_graph(task),
        )
        await end(tasks)

    # The standard library takes 2 to the power of 500 steps for this one.
    foot, tasks = await foot_of_a_ladder(500)
    for name, function in (
        ("capture, a ladder of 500 diamonds", awaitgraph.capture_call_graph),
        ("format, a ladder of 500 diamonds", awaitgraph.format_call_graph),
    ):
        spent = statistics.median(once(lambda: function(foot), 1) for _ in range(9))
        print(f"{name:36} {spent * 1e3:9.2f} ms")
    await end(tasks)


async def end(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


asyncio.run(main())
