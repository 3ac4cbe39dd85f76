"""The graph of the task that asks for it, from wherever it asks.

The scenes are those of CPython's own tests of its call graph.
"""

import asyncio
import contextlib
import io

import pytest

import awaitgraph
from awaitgraph import capture_call_graph, format_call_graph, print_call_graph
from notation import plain, shown, stack
from scene import settle, start

# asyncio.TaskGroup
needs_task_group = pytest.mark.since(3, 11)


def of_the_caller():
    """The graph of the running task, from the function that asks for it on."""
    return shown(capture_call_graph(depth=2))


def innermost_first(*names):
    return [f"async {name}" for name in names]


@needs_task_group
def test_two_tasks_of_a_group_wait_for_the_third(run):
    graphs = []

    def asks():
        graphs.append(capture_call_graph())

    async def inner():
        await asyncio.sleep(0)
        asks()

    async def middle():
        await inner()

    async def waits(task):
        await task

    async def main():
        async with asyncio.TaskGroup() as group:
            task = group.create_task(middle(), name="asked")
            group.create_task(waits(task), name="first")
            group.create_task(waits(task), name="second")

    run(main)
    (graph,) = graphs
    assert stack(graph) == ["asks", *innermost_first("inner", "middle")]
    # The group's own task is found first, as its callback is the oldest.
    group, first, second = graph.awaited_by
    assert stack(group)[-1] == "async main"
    for awaiter, name in (first, "first"), (second, "second"):
        assert awaiter.future.get_name() == name
        assert stack(awaiter) == ["async waits"]
        assert awaiter.awaited_by == (group,)
        assert awaiter.awaited_by[0] is group


def test_from_an_asynchronous_generator(run):
    found = []

    async def asks():
        found.append(stack(capture_call_graph()))

    async def numbers():
        for number in range(2):
            yield number
            if number == 1:
                await asks()

    async def main():
        async for _ in numbers():
            pass

    run(main)
    assert found == [["async asks", "async generator numbers", "async main"]]


def test_from_a_generator_within_a_function_within_a_coroutine(run):
    found = []

    def numbers():
        found.append(stack(capture_call_graph()))
        yield

    def middle():
        for _ in numbers():
            pass

    async def main():
        middle()

    run(main)
    assert found == [["generator numbers", "middle", "async main"]]


def test_a_coroutine_driven_by_a_function_does_not_end_the_stack(run):
    """Where asyncio takes it for the task's own and stops."""
    found = []

    async def driven():
        found.append(stack(capture_call_graph()))

    def drives(coroutine):
        with contextlib.suppress(StopIteration):
            coroutine.send(None)

    async def main():
        drives(driven())

    run(main)
    assert found == [["async driven", "drives", "async main"]]


def test_in_a_gather(run):
    found = []

    async def deep():
        await asyncio.sleep(0)
        found.append(of_the_caller())

    async def child():
        await asyncio.sleep(0)
        await deep()

    async def other():
        await asyncio.sleep(0)

    async def main():
        asyncio.current_task().set_name("main")
        task = start(child(), "child")
        await asyncio.gather(task, other())

    # The depth of 2 skips of_the_caller.
    run(main)
    assert found == [
        ["child", innermost_first("deep", "child"), [["main", ["async main"], []]]]
    ]


def test_in_a_shield(run):
    found = []

    async def child():
        await asyncio.sleep(0)
        found.append(of_the_caller())

    async def main():
        asyncio.current_task().set_name("main")
        await asyncio.shield(start(child(), "child"))

    run(main)
    assert found == [["child", ["async child"], [["main", ["async main"], []]]]]


@needs_task_group
def test_under_a_timeout(run):
    found = []

    async def inner():
        await asyncio.sleep(0)
        found.append(of_the_caller())

    async def child():
        async with asyncio.timeout(3600):
            await inner()

    async def main():
        asyncio.current_task().set_name("main")
        await start(child(), "child")

    run(main)
    assert found == [
        ["child", innermost_first("inner", "child"), [["main", ["async main"], []]]]
    ]


def test_in_a_wait(run):
    found = []

    async def child():
        await asyncio.sleep(0)
        found.append(of_the_caller())

    async def quick():
        pass

    async def main():
        asyncio.current_task().set_name("main")
        await asyncio.wait([start(child(), "child"), start(quick(), "quick")])

    run(main)
    assert found == [
        ["child", ["async child"], [["main", innermost_first("_wait", "wait", "main"), []]]]
    ]


def test_in_an_iteration_over_the_completed(run):
    found = []

    async def child():
        await asyncio.sleep(0)
        found.append(of_the_caller())

    async def main():
        asyncio.current_task().set_name("main")
        for first in asyncio.as_completed([start(child(), "child")]):
            await first

    run(main)
    [[name, frames, [[parent, stack, above]]]] = found
    assert (name, frames) == ("child", ["async child"])
    assert (parent, stack[-1], above) == ("main", "async main", [])


def test_a_task_that_another_one_awaits(run):
    found = []

    async def inner():
        await asyncio.sleep(0)
        found.append(of_the_caller())

    async def child():
        await inner()

    async def waits():
        await start(child(), "there there")

    async def main():
        asyncio.current_task().set_name("main")
        await waits()

    run(main)
    assert found == [
        [
            "there there",
            innermost_first("inner", "child"),
            [["main", innermost_first("waits", "main"), []]],
        ]
    ]


def test_the_running_task_as_an_awaiter_has_its_coroutine_alone(run):
    """As in asyncio: its frames are the thread's, and it was not asked about."""

    async def main():
        future = asyncio.get_running_loop().create_future()
        asyncio.current_task().set_name("main")

        async def child():
            await future

        task = start(child(), "child")
        awaitgraph.future_add_to_awaited_by(task, asyncio.current_task())
        await settle()

        def asks():
            return shown(capture_call_graph(future))

        return asks()

    assert run(main) == [
        "a future",
        [],
        [["child", ["async child"], [["main", ["async main"], []]]]],
    ]


def test_the_current_task_given_as_an_argument(run):
    async def main():
        def asks():
            return stack(capture_call_graph(asyncio.current_task()))

        return asks()

    assert run(main) == ["asks", "async main"]


def test_depth_skips_frames_from_the_top(run):
    async def main():
        def asks(depth):
            graph, text = capture_call_graph(depth=depth), format_call_graph(depth=depth)
            assert text.count("File ") == len(graph.call_stack)
            return stack(graph)

        def outer(depth):
            return asks(depth)

        found = []
        for depth in (-1, 0, 1, 2, 3):
            found.append(outer(depth))
        return found

    whole = ["asks", "outer", "async main"]
    assert run(main) == [whole, whole, whole, whole[1:], whole[2:]]


def test_a_depth_beyond_all_frames_is_an_error(run):
    async def main():
        with pytest.raises(ValueError, match="call stack is not deep enough"):
            capture_call_graph(depth=100_000)
        # No frame is asked for, so none can be missing.
        assert capture_call_graph(depth=100_000, limit=0).call_stack == ()

    run(main)


def test_print_writes_the_text_and_a_line_feed(run, capsys):
    async def main():
        asyncio.current_task().set_name("main")
        file = io.StringIO()
        text = [format_call_graph(), print_call_graph(file=file)][0]
        print_call_graph()
        return text, file.getvalue()

    text, printed = run(main)
    assert plain(printed) == plain(text) + "\n" == plain(capsys.readouterr().out)
    # The caller stands on top, not the function that prints.
    assert plain(text) == (
        "* Task(name='main', id=ID)\n"
        "  + Call stack:\n"
        "  |   File 'test_current_task.py', line N, in async"
        f" {qualified(test_print_writes_the_text_and_a_line_feed)}.<locals>.main()"
    )


def qualified(function):
    return function.__qualname__


def test_a_callback_of_the_loop_has_no_task(run):
    async def main():
        loop = asyncio.get_running_loop()
        found = loop.create_future()

        def callback():
            file = io.StringIO()
            print_call_graph(file=file)
            found.set_result((capture_call_graph(), format_call_graph(), file.getvalue()))

        loop.call_soon(callback)
        return await found

    assert run(main) == (None, "", "\n")


def test_without_a_loop_there_is_nothing_to_ask_about():
    for ask in capture_call_graph, format_call_graph, print_call_graph:
        with pytest.raises(RuntimeError, match="no event loop is running"):
            ask()


def test_a_finished_task_has_no_frames(run):
    async def main():
        async def fails():
            raise ValueError

        async def ends():
            pass

        failed, done = start(fails(), "failed"), start(ends(), "done")
        cancelled = start(asyncio.Event().wait(), "cancelled")
        cancelled.cancel()
        await asyncio.wait([failed, done, cancelled])
        failed.exception()
        for task in failed, done, cancelled:
            assert shown(capture_call_graph(task)) == [task.get_name(), [], []]
            assert plain(format_call_graph(task)) == f"* Task(name={task.get_name()!r}, id=ID)"

    run(main)


# Eager tasks.
@pytest.mark.since(3, 12)
def test_the_first_step_of_an_eager_task_ends_at_its_own_coroutine(run_c):
    found = []

    async def child():
        found.append(stack(capture_call_graph()))

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        await start(child(), "child")

    run_c(main)
    assert found == [["async child"]]
