"""Who waits for whom, by each construct by which one can wait for another."""

import asyncio
import concurrent.futures
import contextvars
import functools
import sys
import threading

import pytest

from awaitgraph import capture_call_graph
from notation import awaiters, shown, stack
from scene import forever, settle, start

# asyncio.TaskGroup
needs_task_group = pytest.mark.since(3, 11)


async def awaiters_of(task):
    await settle()
    return awaiters(capture_call_graph(task))


def test_await(run):
    async def main():
        leaf = start(forever(), "leaf")

        async def parent():
            await leaf

        start(parent(), "parent")
        await settle()
        return shown(capture_call_graph(leaf))

    assert run(main) == ["leaf", ["async forever"], [["parent", ["async parent"], []]]]


def test_several_tasks_await_one_in_the_order_in_which_they_came(run):
    async def main():
        leaf = start(forever(), "leaf")

        async def parent():
            await leaf

        for number in (3, 1, 2):
            start(parent(), f"parent-{number}")
        return await awaiters_of(leaf)

    assert run(main) == ["parent-3", "parent-1", "parent-2"]


def test_a_future_is_awaited(run):
    async def main():
        future = asyncio.get_running_loop().create_future()

        async def inner():
            await future

        async def outer():
            await inner()

        start(outer(), "a")
        start(inner(), "b")
        await settle()
        return shown(capture_call_graph(future))

    assert run(main) == [
        "a future",
        [],
        [["a", ["async inner", "async outer"], []], ["b", ["async inner"], []]],
    ]


def test_gather(run):
    async def main():
        leaves = [start(forever(), f"leaf-{number}") for number in range(3)]

        async def parent():
            await asyncio.gather(*leaves)

        start(parent(), "parent")
        return [await awaiters_of(leaf) for leaf in leaves]

    assert run(main) == [["parent"]] * 3


def test_nested_gathers(run):
    async def main():
        a, b, c = (start(forever(), name) for name in "abc")

        async def parent():
            await asyncio.gather(asyncio.gather(asyncio.gather(a), b), c)

        start(parent(), "parent")
        return [await awaiters_of(leaf) for leaf in (a, b, c)]

    assert run(main) == [["parent"]] * 3


def test_a_gather_that_another_task_awaits(run):
    async def main():
        leaf = start(forever(), "leaf")
        gathering = asyncio.gather(leaf)

        async def parent():
            await gathering

        start(parent(), "parent")
        return await awaiters_of(leaf)

    # From 3.14 also who called gather is on record.
    assert run(main)[0] == "parent"


def test_a_child_that_outlives_its_gather_is_awaited_by_nobody(run):
    async def main():
        leaf = start(forever(), "leaf")

        async def fail():
            raise ValueError

        with pytest.raises(ValueError):
            await asyncio.gather(leaf, fail())
        return awaiters(capture_call_graph(leaf))

    assert run(main) == []


def test_shield(run):
    async def main():
        leaf = start(forever(), "leaf")

        async def parent():
            await asyncio.shield(leaf)

        start(parent(), "parent")
        return await awaiters_of(leaf)

    assert run(main) == ["parent"]


@pytest.mark.parametrize(
    "when", [asyncio.ALL_COMPLETED, asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION]
)
def test_wait(run, when):
    async def main():
        leaves = [start(forever(), f"leaf-{number}") for number in range(3)]

        async def parent():
            await asyncio.wait(leaves, return_when=when, timeout=3600)

        start(parent(), "parent")
        return [await awaiters_of(leaf) for leaf in leaves]

    assert run(main) == [["parent"]] * 3


def test_wait_for(run):
    async def main():
        leaf = start(forever(), "leaf")

        async def parent():
            await asyncio.wait_for(leaf, 3600)

        start(parent(), "parent")
        return await awaiters_of(leaf)

    assert run(main) == ["parent"]


def test_wait_for_that_waits_for_the_cancelled(run):
    async def main():
        cleanup = asyncio.get_running_loop().create_future()

        async def stubborn():
            try:
                await forever()
            finally:
                await cleanup

        leaf = start(stubborn(), "leaf")

        async def parent():
            await asyncio.wait_for(leaf, 0)

        await settle()
        start(parent(), "parent")
        found = await awaiters_of(leaf)
        cleanup.set_result(None)
        return found

    assert run(main) == ["parent"]


def test_as_completed(run):
    async def main():
        leaves = [start(forever(), f"leaf-{number}") for number in range(3)]

        async def parent():
            for first in asyncio.as_completed(leaves):
                await first

        start(parent(), "parent")
        return [await awaiters_of(leaf) for leaf in leaves]

    assert run(main) == [["parent"]] * 3


# Asynchronous iteration.
@pytest.mark.since(3, 13)
def test_as_completed_by_async_for(run):
    async def main():
        leaf = start(forever(), "leaf")

        async def parent():
            async for _ in asyncio.as_completed([leaf]):
                pass

        start(parent(), "parent")
        return await awaiters_of(leaf)

    assert run(main) == ["parent"]


@needs_task_group
def test_task_group_at_its_end(run):
    async def main():
        leaves = []

        async def parent():
            async with asyncio.TaskGroup() as group:
                leaves.extend(group.create_task(forever()) for _ in range(2))

        start(parent(), "parent")
        await settle()
        return [shown(capture_call_graph(leaf))[2] for leaf in leaves]

    found = run(main)
    end = "_aexit" if sys.version_info >= (3, 14) else "__aexit__"
    for [[name, frames, awaited_by]] in found:
        assert (name, awaited_by) == ("parent", [])
        assert frames[0] in ("async _aexit", "async __aexit__"), end
        assert frames[-1] == "async parent"


@needs_task_group
def test_task_group_in_its_body(run):
    async def main():
        leaves = []

        async def parent():
            async with asyncio.TaskGroup() as group:
                leaves.append(group.create_task(forever()))
                await forever()

        start(parent(), "parent")
        await settle()
        return shown(capture_call_graph(leaves[0]))[2]

    assert run(main) == [["parent", ["async forever", "async parent"], []]]


@needs_task_group
def test_timeout_is_no_construct_between_tasks(run):
    async def main():
        leaf = start(forever(), "leaf")

        async def parent():
            async with asyncio.timeout(3600):
                await leaf

        start(parent(), "parent")
        return await awaiters_of(leaf)

    assert run(main) == ["parent"]


# Eager tasks.
@pytest.mark.since(3, 12)
def test_an_eager_task(run_c):
    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        leaf = start(forever(), "leaf")

        async def parent():
            await leaf

        start(parent(), "parent")
        return await awaiters_of(leaf)

    assert run_c(main) == ["parent"]


def test_a_partial_that_completes_a_future(run):
    async def main():
        leaf = start(forever(), "leaf")
        bridge = asyncio.get_running_loop().create_future()
        leaf.add_done_callback(functools.partial(lambda future, _: future.set_result(1), bridge))

        async def parent():
            await bridge

        start(parent(), "parent")
        return await awaiters_of(leaf)

    assert run(main) == ["parent"]


def test_partials_by_keyword_and_by_method(run):
    async def main():
        loop = asyncio.get_running_loop()
        leaf = start(forever(), "leaf")
        for number, callback in enumerate(
            (
                lambda future: functools.partial(lambda _, future: None, future=future),
                lambda future: functools.partial(future.set_result),
                lambda future: future.set_result,
            )
        ):
            bridge = loop.create_future()
            leaf.add_done_callback(callback(bridge))

            async def parent(bridge):
                await bridge

            start(parent(bridge), f"parent-{number}")
        return await awaiters_of(leaf)

    assert run(main) == ["parent-0", "parent-1", "parent-2"]


def test_callbacks_that_wake_nobody(run):
    async def main():
        leaf = start(forever(), "leaf")
        other = start(forever(), "other")
        tasks = set()
        event = asyncio.Event()
        for callback in (
            tasks.discard,
            lambda _: event.set(),
            lambda _: other.cancel(),
            functools.partial(lambda task, _: task.cancel(), other),
            print,
            contextvars.copy_context().run,
        ):
            leaf.add_done_callback(callback)
        return await awaiters_of(leaf)

    assert run(main) == []


def test_a_chain_of_bridges(run):
    async def main():
        loop = asyncio.get_running_loop()
        leaf = start(forever(), "leaf")
        last = leaf
        for _ in range(50):
            bridge = loop.create_future()
            last.add_done_callback(functools.partial(lambda future, _: None, bridge))
            last = bridge

        async def parent():
            await asyncio.shield(last)

        start(parent(), "parent")
        return await awaiters_of(leaf)

    assert run(main) == ["parent"]


def test_bridges_in_a_circle_lead_nowhere(run):
    async def main():
        loop = asyncio.get_running_loop()
        leaf = start(forever(), "leaf")
        a, b = loop.create_future(), loop.create_future()
        complete = functools.partial(functools.partial, lambda future, _: None)
        leaf.add_done_callback(complete(a))
        a.add_done_callback(complete(b))
        b.add_done_callback(complete(a))
        return await awaiters_of(leaf)

    assert run(main) == []


def test_a_concurrent_future_is_awaited(run):
    async def main():
        inner = concurrent.futures.Future()
        wrapping = asyncio.wrap_future(inner)

        async def parent():
            await wrapping

        start(parent(), "parent")
        found = await awaiters_of(wrapping)
        inner.set_result(None)
        await asyncio.gather(wrapping)
        return found

    assert run(main) == ["parent"]


def test_a_task_of_another_loop(run_c):
    """`run_coroutine_threadsafe`, awaited in the loop that it was called in."""

    async def main():
        other = asyncio.new_event_loop()
        thread = threading.Thread(target=other.run_forever)
        thread.start()
        try:
            begun = concurrent.futures.Future()

            async def remote():
                begun.set_result(asyncio.current_task())
                await forever()

            promise = asyncio.run_coroutine_threadsafe(remote(), other)
            leaf = await asyncio.wrap_future(begun)

            async def parent():
                await asyncio.wrap_future(promise)

            waiting = start(parent(), "parent")
            await settle()
            found = awaiters(capture_call_graph(leaf))
            leaf.add_done_callback(lambda _: other.stop())
            promise.cancel()
            await asyncio.wait([waiting])
            return found
        finally:
            thread.join()
            other.close()

    assert run_c(main) == ["parent"]


def test_locks_and_queues_are_futures_to_those_that_wait(run):
    async def main():
        event, queue, lock = asyncio.Event(), asyncio.Queue(), asyncio.Lock()
        await lock.acquire()

        async def parent(waiting):
            await waiting

        tasks = [
            start(parent(waiting), "parent")
            for waiting in (event.wait(), queue.get(), lock.acquire())
        ]
        await settle()
        return [stack(capture_call_graph(task)) for task in tasks]

    assert run(main) == [
        ["async wait", "async parent"],
        ["async get", "async parent"],
        ["async acquire", "async parent"],
    ]


def test_happy_eyeballs(run_c):
    """`staggered_race`, by which create_connection tries several addresses."""

    async def main():
        from asyncio.staggered import staggered_race

        leaves = []

        async def attempt():
            leaves.append(asyncio.current_task())
            await forever()

        async def parent():
            await staggered_race([attempt], None)

        start(parent(), "parent")
        await settle()
        return awaiters(capture_call_graph(leaves[0]))

    assert run_c(main) == ["parent"]


def test_anyio(run_c):
    anyio = pytest.importorskip("anyio")

    async def main():
        leaves = []

        async def leaf():
            leaves.append(asyncio.current_task())
            await anyio.sleep_forever()

        async def parent():
            async with anyio.create_task_group() as group:
                group.start_soon(leaf)
                group.start_soon(leaf)

        start(parent(), "parent")
        await settle()
        return [awaiters(capture_call_graph(leaf)) for leaf in leaves]

    assert run_c(main) == [["parent"], ["parent"]]
