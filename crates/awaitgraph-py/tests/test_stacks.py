"""The stack of a suspended task, through all that Python puts between frames."""

import asyncio
import contextlib
import sys
import types

import pytest

from awaitgraph import capture_call_graph, format_call_graph
from notation import frame, stack
from scene import forever, settle, start


def stack_of(run, program):
    async def main():
        task = start(program(), "task")
        await settle()
        return stack(capture_call_graph(task))

    return run(main)


def test_coroutines(run):
    async def inner():
        await forever()

    async def outer():
        await inner()

    assert stack_of(run, outer) == ["async forever", "async inner", "async outer"]


def test_async_for(run):
    async def numbers():
        yield 1
        await forever()
        yield 2

    async def program():
        async for _ in numbers():
            pass

    assert stack_of(run, program) == [
        "async forever",
        "async generator numbers",
        "async program",
    ]


def test_asynchronous_generators_within_each_other(run):
    async def inner():
        await forever()
        yield

    async def middle():
        async for value in inner():
            yield value

    async def program():
        return [value async for value in middle()]

    expected = ["async forever", "async generator inner", "async generator middle"]
    found = stack_of(run, program)
    # To 3.11 a comprehension is a function of its own.
    assert [name for name in found if name != "async <listcomp>"] == [*expected, "async program"]


def test_asynccontextmanager(run):
    @contextlib.asynccontextmanager
    async def resource():
        await forever()
        yield

    async def program():
        async with resource():
            pass

    assert stack_of(run, program) == [
        "async forever",
        "async generator resource",
        "async __aenter__",
        "async program",
    ]


def test_the_end_of_an_asynccontextmanager(run):
    @contextlib.asynccontextmanager
    async def resource():
        try:
            yield
        finally:
            await forever()

    async def leaves():
        async with resource():
            pass

    async def raises():
        async with resource():
            raise ValueError

    for program in leaves, raises:
        found = stack_of(run, program)
        assert found[:2] == ["async forever", "async generator resource"]
        assert found[-1] == f"async {program.__name__}"


@pytest.mark.parametrize("method", ["asend", "athrow", "aclose"])
def test_the_methods_of_an_asynchronous_generator(run, method):
    async def numbers():
        try:
            yield 1
        finally:
            await forever()

    async def program():
        generator = numbers()
        await generator.asend(None)
        arguments = {"asend": (None,), "athrow": (ValueError,), "aclose": ()}[method]
        await getattr(generator, method)(*arguments)

    assert stack_of(run, program) == [
        "async forever",
        "async generator numbers",
        "async program",
    ]


# `anext`.
@pytest.mark.since(3, 10)
@pytest.mark.parametrize("default", [(), (None,)], ids=["without", "with"])
def test_anext(run, default):
    async def numbers():
        await forever()
        yield

    async def program():
        await anext(numbers(), *default)

    assert stack_of(run, program) == [
        "async forever",
        "async generator numbers",
        "async program",
    ]


# `anext`.
@pytest.mark.since(3, 10)
def test_anext_of_a_class(run):
    class Numbers:
        def __aiter__(self):
            return self

        async def __anext__(self):
            await forever()

    async def program():
        await anext(Numbers(), None)

    assert stack_of(run, program) == ["async forever", "async __anext__", "async program"]


def test_an_await_method_that_returns_that_of_a_coroutine(run):
    class Request:
        def __await__(self):
            return self.send().__await__()

        async def send(self):
            await forever()

    async def program():
        await Request()

    assert stack_of(run, program) == ["async forever", "async send", "async program"]


def test_an_await_method_that_is_a_generator(run):
    class Request:
        def __await__(self):
            yield from self.send().__await__()

        async def send(self):
            await forever()

    async def program():
        await Request()

    assert stack_of(run, program) == [
        "async forever",
        "async send",
        "generator __await__",
        "async program",
    ]


def test_generator_based_coroutines(run):
    def inner():
        yield from forever().__await__()

    @types.coroutine
    def outer():
        yield from inner()

    async def program():
        await outer()

    assert stack_of(run, program) == [
        "async forever",
        "generator inner",
        "generator outer",
        "async program",
    ]


def test_sleeping_for_no_time_is_a_generator(run_c):
    async def main():
        async def program():
            while True:
                await asyncio.sleep(0)

        task = start(program(), "task")
        await settle()
        return stack(capture_call_graph(task))

    assert run_c(main) == ["generator __sleep0", "async sleep", "async program"]


def test_an_iterator_of_a_class_is_the_end(run):
    class Waits:
        def __init__(self, future):
            self.iterator = future.__await__()

        def __await__(self):
            return self

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.iterator)

    async def program():
        await Waits(asyncio.get_running_loop().create_future())

    assert stack_of(run, program) == ["async program"]


def test_awaitables_that_pretend_to_be_coroutines_for_ever(run):
    """An object whose `cr_await` is always another one."""

    class Endless:
        cr_frame = None

        def __init__(self, future):
            self.future = future

        @property
        def cr_await(self):
            return Endless(self.future)

        def __await__(self):
            return self

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.iterator)

        @property
        def iterator(self):
            return self.future.__await__()

    async def program():
        await Endless(asyncio.get_running_loop().create_future())

    assert stack_of(run, program) == ["async program"]


def test_the_limit_cuts_each_stack(run):
    async def main():
        async def three():
            await forever()

        async def two():
            await three()

        async def one():
            await two()

        leaf = start(one(), "leaf")

        async def parent():
            await leaf

        start(parent(), "parent")
        await settle()
        found = {}
        for limit in (None, 10, 2, 1, 0, -1, -2, -10, 10**30, -(10**30)):
            graph = capture_call_graph(leaf, limit=limit)
            found[limit] = [stack(graph), stack(graph.awaited_by[0])]
            assert format_call_graph(leaf, limit=limit).count("File ") == sum(
                map(len, found[limit])
            )
        return found

    whole = ["async forever", "async three", "async two", "async one"]
    parent = ["async parent"]
    assert run(main) == {
        None: [whole, parent],
        10: [whole, parent],
        2: [whole[-2:], parent],
        1: [whole[-1:], parent],
        0: [[], []],
        -1: [whole[:1], parent],
        -2: [whole[:2], parent],
        -10: [whole, parent],
        10**30: [whole, parent],
        -(10**30): [whole, parent],
    }


def test_the_limit_cuts_the_stack_of_the_current_task(run):
    async def main():
        def inner(limit):
            return stack(capture_call_graph(limit=limit))

        def outer(limit):
            return inner(limit)

        found = {}
        for limit in (None, 2, 1, 0, -1, -2):
            found[limit] = outer(limit)
        return found

    whole = ["inner", "outer", "async main"]
    assert run(main) == {
        None: whole,
        2: whole[-2:],
        1: whole[-1:],
        0: [],
        -1: whole[:1],
        -2: whole[:2],
    }


def test_three_thousand_frames(run_c):
    async def main():
        async def deeper(levels):
            if levels:
                await deeper(levels - 1)
            else:
                await forever()

        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(10_000)
        try:
            task = start(deeper(3_000), "task")
            await settle()
        finally:
            sys.setrecursionlimit(limit)
        return stack(capture_call_graph(task)), format_call_graph(task).count("async ")

    frames, lines = run_c(main)
    assert frames == ["async forever", *["async deeper"] * 3_001]
    assert lines == len(frames)


def test_entries_hold_the_frames_themselves(run):
    async def main():
        async def program():
            here = "a local variable"
            await forever()
            return here

        task = start(program(), "task")
        await settle()
        graph = capture_call_graph(task)
        assert [frame(entry) for entry in graph.call_stack] == ["async forever", "async program"]
        entry = graph.call_stack[-1]
        assert entry.frame is task.get_coro().cr_frame
        assert entry.frame.f_locals["here"] == "a local variable"

    run(main)


def test_names_are_qualified(run):
    class Service:
        async def serve(self):
            await forever()

    async def main():
        task = start(Service().serve(), "task")
        await settle()
        return format_call_graph(task)

    lines = [line.rpartition(" in ")[2] for line in run(main).splitlines()[2:]]
    prefix = f"{test_names_are_qualified.__qualname__}.<locals>."
    assert lines == ["async forever()", f"async {prefix}Service.serve()"]


def test_a_wrapped_function_goes_by_its_own_name(run):
    """Not by the one that functools.wraps gave to its coroutines."""
    import functools

    def decorated(function):
        @functools.wraps(function)
        async def wrapper():
            await function()

        return wrapper

    @decorated
    async def program():
        await forever()

    async def main():
        task = start(program(), "task")
        await settle()
        return format_call_graph(task)

    lines = [line.rpartition(".")[2] for line in run(main).splitlines()[-2:]]
    assert lines[0] == "program()"
    assert lines[1].rpartition(" ")[2] == "wrapper()"
