"""Graphs that make the model exponential, or raise."""

import asyncio
import time

from awaitgraph import capture_all, capture_call_graph, format_call_graph
from notation import awaiters, nodes
from scene import forever, settle, start


async def waits(*tasks):
    if len(tasks) == 1:
        await tasks[0]
    else:
        await asyncio.wait(tasks)


def linked(length, end):
    """A chain of tasks, each of which waits for the one before."""
    tasks = [start(waits(end), "task-0")]
    for number in range(1, length):
        tasks.append(start(waits(tasks[-1]), f"task-{number}"))
    return tasks


def test_a_chain_of_a_hundred_thousand_tasks(run_c):
    async def main():
        # Ended from its end: asyncio cancels a chain by recursion.
        end = asyncio.get_running_loop().create_future()
        tasks = linked(100_000, end)
        await settle()
        graph = capture_call_graph(tasks[0])
        text = format_call_graph(tasks[0])
        length, node = 1, graph
        while node.awaited_by:
            (node,) = node.awaited_by
            length += 1
        assert node.future is tasks[-1]
        assert text.count("* Task(") == length == 100_000
        # Four columns a level, to a depth of 1,000; then it starts anew.
        lines = [line for line in text.splitlines() if "* Task(" in line]
        for level in (0, 1, 999, 1_000):
            assert lines[level].startswith(" " * 4 * level + f"* Task(name='task-{level}', ")
        assert max(map(len, lines)) < 4_200
        assert len(text) < 40_000_000
        (only,) = [graph for graph in capture_all() if graph.awaited_by]
        assert only.future is tasks[0]
        # Its end, too, is without recursion.
        del node, only, graph
        end.set_result(None)
        await tasks[-1]

    run_c(main)


def ladder(rungs):
    """Two tasks on each rung, each of which waits for both of the one below."""
    bottom = [start(forever(), "left-0"), start(forever(), "right-0")]
    below = bottom
    for number in range(1, rungs):
        below = [start(waits(*below), f"{side}-{number}") for side in ("left", "right")]
    return bottom[0]


def test_a_ladder_of_five_hundred_diamonds(run_c):
    async def main():
        leaf = ladder(500)
        await settle()
        begin = time.perf_counter()
        graph = capture_call_graph(leaf)
        text = format_call_graph(leaf)
        elapsed = time.perf_counter() - begin
        assert len(nodes(graph)) == 999
        lines = [line for line in text.splitlines() if "* Task(" in line]
        # Each edge once: whole at the first place of a task, marked at the other.
        assert len(lines) == 1 + 2 + 4 * 498
        assert sum(line.endswith(" (*)") for line in lines) == len(lines) - 999
        assert elapsed < 0.25, "that takes some milliseconds"

    run_c(main)


def test_a_thousand_children_of_a_thousand_parents(run_c):
    async def main():
        leaf = start(forever(), "leaf")
        middle = [start(waits(leaf), f"middle-{number}") for number in range(1_000)]
        for number in range(3):
            start(waits(*middle), f"top-{number}")
        await settle()
        graph = capture_call_graph(leaf)
        assert awaiters(graph) == [f"middle-{number}" for number in range(1_000)]
        assert len(nodes(graph)) == 1_004
        assert format_call_graph(leaf).count(" (*)") == 3_000 - 3

    run_c(main)


def test_a_cycle_of_ten_thousand_tasks(run_c):
    async def main():
        begin, end = (asyncio.get_running_loop().create_future() for _ in range(2))

        async def begins():
            last = await begin
            await asyncio.wait([last, end], return_when=asyncio.FIRST_COMPLETED)

        tasks = [start(begins(), "task-0")]
        for number in range(1, 10_000):
            tasks.append(start(waits(tasks[-1]), f"task-{number}"))
        begin.set_result(tasks[-1])
        await settle()
        for task in tasks[0], tasks[5_000]:
            graph = capture_call_graph(task)
            found = nodes(graph)
            assert len(found) == 10_001
            (cut,) = [node for node in found if not node.awaited_by]
            assert cut.future is task
            assert cut is not graph
            assert cut.call_stack == graph.call_stack
            text = format_call_graph(task)
            assert text.count(" (cycle)") == 1
            assert text.splitlines()[-1].endswith(" (cycle)")
        (only,) = [graph for graph in capture_all() if graph.awaited_by]
        assert only.future is tasks[0]
        end.set_result(None)
        await tasks[-1]

    run_c(main)


def test_everybody_waits_for_everybody(run_c):
    async def main():
        gate = asyncio.get_running_loop().create_future()
        tasks = []

        async def waits_for_all():
            await gate
            await asyncio.wait(tasks)

        tasks += [start(waits_for_all(), f"task-{number}") for number in range(100)]
        gate.set_result(None)
        await settle()
        graph = capture_call_graph(tasks[0])
        assert sorted(awaiters(graph)) == sorted(task.get_name() for task in tasks)
        assert len({id(node.future) for node in nodes(graph)}) == 100
        text = format_call_graph(tasks[0])
        assert text.count("* Task(") == 1 + 100 * 100

    run_c(main)
