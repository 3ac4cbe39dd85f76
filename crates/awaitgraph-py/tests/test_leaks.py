"""Nothing is kept: not a reference, not a frame, not a task."""

import asyncio
import functools
import gc
import io
import sys
import weakref

import pytest

import awaitgraph
from scene import begin, forever, settle


async def waits(awaitable):
    await awaitable


async def numbers(awaitable):
    await awaitable
    yield


async def iterates(awaitable):
    async for _ in numbers(awaitable):
        pass


async def takes_the_first(task):
    for first in asyncio.as_completed([task]):
        await first


async def groups(task):
    async with asyncio.TaskGroup() as group:
        group.create_task(waits(task))


async def bridges(task):
    bridge = asyncio.get_running_loop().create_future()
    task.add_done_callback(functools.partial(lambda future, _: None, bridge))
    await bridge


async def gathers(task):
    await asyncio.gather(task)


async def shields(task):
    await asyncio.shield(task)


CONSTRUCTS = {
    "await": waits,
    "async for": iterates,
    "gather": gathers,
    "shield": shields,
    "wait": lambda task: waits(asyncio.wait([task])),
    "wait_for": lambda task: waits(asyncio.wait_for(task, 3600)),
    "as_completed": takes_the_first,
    "partial": bridges,
}
if sys.version_info >= (3, 11):
    CONSTRUCTS["TaskGroup"] = groups


def every_call(futures):
    """All that the package does with futures, the errors included."""
    for future in futures:
        for limit in (None, 1, -1, 0):
            awaitgraph.capture_call_graph(future, limit=limit)
            awaitgraph.format_call_graph(future, limit=limit)
        awaitgraph.print_call_graph(future, file=io.StringIO())
        awaitgraph.future_add_to_awaited_by(future, futures[0])
        awaitgraph.capture_call_graph(future)
        awaitgraph.future_discard_from_awaited_by(future, futures[0])
    awaitgraph.capture_call_graph()
    awaitgraph.format_call_graph()
    awaitgraph.capture_all()
    for bad in (1, None):
        try:
            awaitgraph.capture_call_graph(bad, depth=10**6)
        except (TypeError, ValueError):
            pass


def counts(objects):
    return [sys.getrefcount(value) for value in objects]


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_reference_counts_are_what_they_were(run, construct):
    async def main():
        leaf = begin(forever(), "leaf")
        parent = begin(CONSTRUCTS[construct](leaf), "parent")
        top = begin(waits(parent), "top")
        await settle()
        futures = [leaf, parent, top, asyncio.current_task()]
        watched = [*futures, leaf.get_coro(), parent.get_coro(), type(leaf), parent._callbacks]
        watched += [leaf.get_coro().cr_frame, parent.get_coro().cr_frame, forever.__code__]
        watched += [asyncio.get_running_loop(), None, (), "leaf"]
        every_call(futures)
        gc.collect()
        before, tracked = counts(watched), len(gc.get_objects())
        for _ in range(20):
            every_call(futures)
        gc.collect()
        after = counts(watched)
        # A few may be on their way from a pool of the interpreter's, and what
        # earlier tests have left may go away meanwhile.
        assert len(gc.get_objects()) < tracked + 20
        assert after == before

    run(main)


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_a_task_ends_with_its_last_reference(run_c, construct):
    async def main():
        leaf = begin(forever(), "leaf")
        parent = begin(CONSTRUCTS[construct](leaf), "parent")
        await settle()
        every_call([leaf, parent])
        ends = [weakref.ref(task) for task in (leaf, parent)]
        parent.cancel()
        leaf.cancel()
        await asyncio.wait([leaf, parent])
        del leaf, parent
        await settle()
        gc.collect()
        assert [end() for end in ends] == [None, None]

    run_c(main)


def test_a_graph_keeps_its_futures_and_frames_and_no_longer(run_c):
    async def main():
        class Marker:
            pass

        async def program():
            marker = Marker()
            ends.append(weakref.ref(marker))
            await forever()

        ends = []
        task = begin(program(), "task")
        await settle()
        graph = awaitgraph.capture_call_graph(task)
        ends.append(weakref.ref(task))
        task._log_destroy_pending = False
        task.get_coro().cr_await.close()
        del task
        asyncio.all_tasks()
        gc.collect()
        assert ends[1]() is graph.future
        del graph
        gc.collect()
        assert [end() for end in ends] == [None, None]

    run_c(main)


def test_text_leaves_no_cycle_for_the_collector(run_c):
    async def main():
        leaf = begin(forever(), "leaf")
        tasks = [leaf, begin(gathers(leaf), "parent")]
        await settle()
        gc.collect()
        gc.disable()
        try:
            every_call(tasks[:1])
            assert gc.collect() == 0
        finally:
            gc.enable()

    run_c(main)


def test_the_memory_of_the_process_does_not_grow(run_c):
    """Measured in pages of the whole process, after a while of the same."""

    def pages():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1])

    async def main():
        task = begin(forever(), "leaf")
        for number in range(50):
            task = begin(waits(task), f"waiter-{number}")
        await settle()
        futures = [task, asyncio.current_task()]
        for _ in range(200):
            every_call(futures)
        gc.collect()
        before = pages()
        for _ in range(2_000):
            every_call(futures)
        gc.collect()
        assert pages() - before < 256

    run_c(main)
