"""All tasks of a loop at once."""

import asyncio
import threading

import pytest

from awaitgraph import capture_all, capture_call_graph
from notation import awaiters, name, nodes, shown, stack
from scene import forever, settle, start


async def waits(*tasks):
    await asyncio.wait(tasks)


def test_the_graphs_of_those_that_wait_for_no_other_task(run):
    async def main():
        asyncio.current_task().set_name("main")
        leaves = [start(forever(), f"leaf-{number}") for number in (10, 9)]
        middle = start(waits(*leaves), "middle")
        start(waits(middle), "top")
        start(forever(), "background")
        await settle()
        return capture_all()

    graphs = run(main)
    assert isinstance(graphs, tuple)
    assert [name(graph.future) for graph in graphs] == ["background", "leaf-9", "leaf-10", "main"]
    background, nine, ten, current = graphs
    assert background.awaited_by == ()
    assert shown(nine)[2] == [
        ["middle", ["async _wait", "async wait", "async waits"], [
            ["top", ["async _wait", "async wait", "async waits"], []],
        ]],
    ]
    # What they share is shared.
    assert nine.awaited_by[0] is ten.awaited_by[0]
    assert stack(current) == ["async main"]


def test_every_task_stands_in_them_once(run):
    async def main():
        tasks = [start(forever(), f"task-{number}") for number in range(3)]
        for number in range(3, 60):
            tasks.append(start(waits(*tasks[number // 2 : number // 2 + 3]), f"task-{number}"))
        tasks.append(asyncio.current_task())
        await settle()
        found = nodes(*capture_all())
        assert len(found) == len(tasks)
        assert {id(graph.future) for graph in found} == {id(task) for task in tasks}
        for graph in found:
            if graph.future is not asyncio.current_task():
                assert awaiters(graph) == awaiters(capture_call_graph(graph.future))

    run(main)


def test_a_cycle_is_held_by_one_of_its_tasks(run):
    async def main():
        tasks = []

        async def waits_for(number):
            await asyncio.wait([tasks[number]])

        tasks += [start(waits_for(1), "b"), start(waits_for(2), "c"), start(waits_for(0), "a")]
        start(waits(tasks[1]), "above")
        await settle()
        return capture_all()

    graphs = run(main)
    (graph,) = [graph for graph in graphs if graph.awaited_by]
    # The first of them by name; "above" waits for one, and nobody for it.
    assert name(graph.future) == "a"
    assert {name(node.future) for node in nodes(graph)} == {"a", "b", "c", "above"}
    assert sorted(name(node.future) for node in nodes(graph) if not node.awaited_by) == ["a", "above"]


def test_a_cycle_above_a_leaf_is_in_the_leafs_graph(run):
    async def main():
        tasks = []
        leaf = start(forever(), "leaf")

        async def waits_for(*numbers):
            await asyncio.wait([leaf, *(tasks[number] for number in numbers)])

        tasks += [start(waits_for(1), "a"), start(waits_for(0), "b")]
        await settle()
        return [name(graph.future) for graph in capture_all() if graph.awaited_by]

    assert run(main) == ["leaf"]


def test_the_current_task_has_all_its_frames(run):
    async def main():
        def asks():
            return [stack(graph) for graph in capture_all()]

        async def inner():
            return asks()

        return await inner()

    assert run(main) == [["asks", "async inner", "async main"]]


def test_from_outside_of_the_loop():
    with pytest.raises(RuntimeError):
        capture_all()
    loop = asyncio.new_event_loop()
    try:
        assert capture_all(loop) == ()
        future = loop.create_future()

        async def waits():
            await future

        task = loop.create_task(waits(), name="task")
        loop.run_until_complete(settle())
        assert [shown(graph) for graph in capture_all(loop)] == [["task", ["async waits"], []]]
        future.set_result(None)
        loop.run_until_complete(task)
        assert capture_all(loop) == ()
    finally:
        loop.close()


def test_of_a_loop_in_another_thread():
    ready, done = threading.Event(), threading.Event()
    loops = []

    async def main():
        asyncio.current_task().set_name("main")
        start(forever(), "leaf")
        await settle()
        loops.append(asyncio.get_running_loop())
        ready.set()
        await asyncio.get_running_loop().run_in_executor(None, done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    ready.wait()
    try:
        assert [name(graph.future) for graph in capture_all(loops[0])] == ["leaf", "main"]
        assert [name(graph.future) for graph in capture_all(loop=loops[0])] == ["leaf", "main"]
    finally:
        done.set()
        thread.join()
