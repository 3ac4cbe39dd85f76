"""Edges that a program declares by hand."""

import asyncio
import gc
import itertools
import weakref

import pytest

from awaitgraph import (
    capture_call_graph,
    format_call_graph,
    future_add_to_awaited_by,
    future_discard_from_awaited_by,
)
from notation import awaiters, shown
from scene import forever, settle, start


def new_future(kind):
    loop = asyncio.get_running_loop()
    return {
        "c": lambda: asyncio.futures._CFuture(loop=loop),
        "python": lambda: asyncio.futures._PyFuture(loop=loop),
        "subclass": lambda: type("Sub", (asyncio.Future,), {})(loop=loop),
    }[kind]()


KINDS = ("c", "python", "subclass")


@pytest.mark.parametrize("kinds", list(itertools.product(KINDS, KINDS)), ids="-".join)
def test_an_edge_is_there_until_it_is_discarded(run_c, kinds):
    async def main():
        future, waiter = map(new_future, kinds)
        assert future_add_to_awaited_by(future, waiter) is None
        future_add_to_awaited_by(future, waiter)
        assert [graph.future for graph in capture_call_graph(future).awaited_by] == [waiter]
        assert capture_call_graph(waiter).awaited_by == ()
        assert future_discard_from_awaited_by(future, waiter) is None
        assert capture_call_graph(future).awaited_by == ()
        future_discard_from_awaited_by(future, waiter)

    run_c(main)


@pytest.mark.parametrize("kinds", list(itertools.product(KINDS, KINDS)), ids="-".join)
def test_an_edge_goes_away_with_the_awaited(run_c, kinds):
    async def main():
        future, waiter = map(new_future, kinds)
        future_add_to_awaited_by(future, waiter)
        ends = weakref.ref(future)
        del future
        gc.collect()
        assert ends() is None

    run_c(main)


@pytest.mark.parametrize("kind", KINDS)
def test_an_edge_goes_away_with_the_waiter_where_it_is_ours(run_c, kind):
    """The interpreter's own record, of 3.14, keeps the waiter alive."""

    async def main():
        future, waiter = new_future(kind), new_future(kind)
        if hasattr(future, "_asyncio_awaited_by"):
            future, waiter = new_future("c"), new_future("python")
        future_add_to_awaited_by(future, waiter)
        ends = weakref.ref(waiter)
        del waiter
        gc.collect()
        assert ends() is None
        assert capture_call_graph(future).awaited_by == ()
        # Whatever comes to lie at its address is no waiter.
        more = [new_future(kind) for _ in range(1_000)]
        assert capture_call_graph(future).awaited_by == ()
        del more

    run_c(main)


def test_an_edge_in_a_circle_of_garbage(run_c):
    async def main():
        one, two = new_future("c"), new_future("python")
        one.other, two.other = two, one
        future_add_to_awaited_by(one, two)
        future_add_to_awaited_by(two, one)
        ends = weakref.ref(one), weakref.ref(two)
        del one, two
        gc.collect()
        assert [end() for end in ends] == [None, None]

    run_c(main)


def test_edges_are_shown_in_the_order_in_which_they_were_added(run_c):
    async def main():
        future = new_future("python")
        tasks = [start(forever(), name) for name in ("c", "a", "b")]
        for task in tasks:
            future_add_to_awaited_by(future, task)
        future_discard_from_awaited_by(future, tasks[0])
        future_add_to_awaited_by(future, tasks[0])
        return awaiters(capture_call_graph(future))

    assert run_c(main) == ["a", "b", "c"]


def test_an_edge_that_is_found_in_the_callbacks_too_is_shown_once(run):
    async def main():
        leaf = start(forever(), "leaf")

        async def waits():
            await leaf

        parent = start(waits(), "parent")
        await settle()
        future_add_to_awaited_by(leaf, parent)
        return shown(capture_call_graph(leaf)), format_call_graph(leaf).count("(*)")

    graph, repeats = run(main)
    assert graph == ["leaf", ["async forever"], [["parent", ["async waits"], []]]]
    assert repeats == 0


def test_a_recorded_future_is_shown_where_a_connecting_one_is_not(run_c):
    async def main():
        leaf = start(forever(), "leaf")
        gathering = asyncio.gather(leaf)

        async def waits():
            await gathering

        start(waits(), "parent")
        await settle()
        before = awaiters(capture_call_graph(leaf))
        future_add_to_awaited_by(leaf, gathering)
        after = shown(capture_call_graph(leaf))[2]
        gathering.cancel()
        await asyncio.wait([leaf])
        return before, after

    before, after = run_c(main)
    assert before[0] == "parent"
    assert after[0] == ["a future", [], [["parent", ["async waits"], []]]]


@pytest.mark.parametrize(
    "pair",
    [(1, 2), (None, None), ("future", 1), (1, "future"), ("future", None)],
    ids=repr,
)
def test_anything_else_has_no_effect(run_c, pair):
    async def main():
        future = new_future("c")
        one, two = (future if value == "future" else value for value in pair)
        assert future_add_to_awaited_by(one, two) is None
        assert future_discard_from_awaited_by(one, two) is None
        assert capture_call_graph(future).awaited_by == ()

    run_c(main)


def test_a_concurrent_future_has_no_effect(run_c):
    import concurrent.futures

    async def main():
        future = new_future("c")
        future_add_to_awaited_by(future, concurrent.futures.Future())
        assert capture_call_graph(future).awaited_by == ()

    run_c(main)


def test_many_edges_leave_nothing(run_c):
    async def main():
        hub = new_future("python")
        for _ in range(3):
            futures = [new_future("c") for _ in range(2_000)]
            for future in futures:
                future_add_to_awaited_by(hub, future)
                future_add_to_awaited_by(future, hub)
            assert len(capture_call_graph(hub).awaited_by) == 2_000
            del futures, future
            gc.collect()
            assert capture_call_graph(hub).awaited_by == ()
        assert weakref.getweakrefcount(hub) == 0

    run_c(main)
