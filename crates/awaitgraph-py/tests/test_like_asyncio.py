"""Beside asyncio itself, from 3.14: the same objects and the same text.

Wherever nothing repeats and asyncio follows the whole stack; the order of
several awaiters is asyncio's of addresses and ours of callbacks.
"""

import asyncio

import pytest

import awaitgraph
from scene import forever, settle, start

pytestmark = pytest.mark.since(3, 14)


def parsed(text):
    """A text as nested lists, with awaiters in the order of their text."""
    root = []
    levels = [(-1, root)]
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip(" "))
        while levels[-1][0] >= indent:
            levels.pop()
        node = [line.strip(), []]
        levels[-1][1].append(node)
        levels.append((indent, node[1]))

    def ordered(nodes):
        done = [(line, ordered(below)) for line, below in nodes]
        return sorted(done) if all(line.startswith("*") for line, _ in done) else done

    return ordered(root)


def canonical(graph):
    awaited_by = [canonical(awaiter) for awaiter in graph.awaited_by]
    awaited_by.sort(key=lambda graph: id(graph.future))
    return asyncio.FutureCallGraph(graph.future, graph.call_stack, tuple(awaited_by))


def same(*arguments, **options):
    """Asks both about the same, and compares."""
    for limit in (None, 1, 2, -1, -2, 0):
        ours = awaitgraph.capture_call_graph(*arguments, limit=limit, **options)
        theirs = asyncio.capture_call_graph(*arguments, limit=limit, **options)
        assert type(ours) is type(theirs) is asyncio.FutureCallGraph
        assert canonical(ours) == canonical(theirs)
        assert repr(canonical(ours)) == repr(canonical(theirs))
        texts = []
        for module in awaitgraph, asyncio:
            # On the same line, which is part of the current task's text.
            texts.append(module.format_call_graph(*arguments, limit=limit, **options))
        ours, theirs = texts
        assert parsed(ours) == parsed(theirs)


async def waits_for(awaitable):
    await awaitable


async def compare(leaves):
    await settle()
    for future in leaves:
        same(future)


CONSTRUCTS = {
    "await": waits_for,
    "gather": lambda task: gathers(task),
    "shield": lambda task: shields(task),
    "wait": lambda task: waits_for(asyncio.wait([task])),
    "wait_for": lambda task: waits_for(asyncio.wait_for(task, 3600)),
    "as_completed": lambda task: takes_the_first(task),
    "timeout": lambda task: within_a_time(task),
    "nested": lambda task: waits_for(waits_for(waits_for(task))),
}


async def gathers(task):
    await asyncio.gather(task)


async def shields(task):
    await asyncio.shield(task)


async def takes_the_first(task):
    for first in asyncio.as_completed([task]):
        await first


async def within_a_time(task):
    async with asyncio.timeout(3600):
        await task


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_a_chain_of_one_construct(run_c, construct):
    async def main():
        task = leaf = start(forever(), "leaf")
        for number in range(5):
            task = start(CONSTRUCTS[construct](task), f"waiter-{number}")
            await settle()
        await compare([leaf, task])

    run_c(main)


def test_a_chain_of_all_constructs(run_c):
    async def main():
        task = leaf = start(forever(), "leaf")
        for name, construct in CONSTRUCTS.items():
            task = start(construct(task), name)
            await settle()
        await compare([leaf, task])

    run_c(main)


def test_a_future_that_several_await(run_c):
    async def main():
        future = asyncio.get_running_loop().create_future()
        for number in range(10):
            start(waits_for(future), f"waiter-{number}")
        await compare([future])

    run_c(main)


def test_a_group(run_c):
    async def main():
        leaves = []

        async def parent():
            async with asyncio.TaskGroup() as group:
                leaves.extend(group.create_task(forever()) for _ in range(3))

        start(parent(), "parent")
        await settle()
        await compare(leaves)

    run_c(main)


def test_the_current_task(run_c):
    async def main():
        def in_a_function():
            # Their depth counts from their own frame, which is ours to leave out.
            same(depth=1)
            same(depth=2)

        async def child():
            in_a_function()
            same()

        await start(child(), "child")

    run_c(main)


def test_recorded_by_hand(run_c):
    async def main():
        loop = asyncio.get_running_loop()
        task, waiter = start(forever(), "task"), start(forever(), "waiter")
        future = loop.create_future()
        awaitgraph.future_add_to_awaited_by(task, future)
        awaitgraph.future_add_to_awaited_by(future, waiter)
        await compare([task, future, waiter])
        awaitgraph.future_discard_from_awaited_by(task, future)
        await compare([task, future, waiter])

    run_c(main)


def test_a_gather_that_nobody_awaits_yet(run_c):
    async def main():
        leaf = start(forever(), "leaf")
        gathering = asyncio.gather(leaf)
        await compare([leaf])
        gathering.cancel()
        await asyncio.wait([leaf])

    run_c(main)


def test_the_classes_are_asyncios():
    assert awaitgraph.FutureCallGraph is asyncio.FutureCallGraph
    assert awaitgraph.FrameCallGraphEntry is asyncio.FrameCallGraphEntry


def test_text_byte_for_byte(run_c):
    """Where every future has one awaiter, there is no order to differ in."""

    async def main():
        task = leaf = start(forever(), "it's a \"leaf\"\n")
        for name, construct in CONSTRUCTS.items():
            task = start(construct(task), name)
            await settle()
        for limit in (None, 1, 2, -1, -2, 0):
            ours = awaitgraph.format_call_graph(leaf, limit=limit)
            assert ours == asyncio.format_call_graph(leaf, limit=limit)
            assert ours.count("Awaited by:") == len(CONSTRUCTS)

    run_c(main)
