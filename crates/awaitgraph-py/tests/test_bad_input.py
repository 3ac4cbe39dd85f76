"""What is no future, futures that misbehave, and moments that are bad."""

import asyncio
import threading
import types
import unittest.mock

import pytest

import awaitgraph
from awaitgraph import capture_call_graph, format_call_graph, print_call_graph
from notation import awaiters, plain, shown, stack
from scene import forever, settle, start


class Unprintable:
    def __repr__(self):
        raise ZeroDivisionError


@pytest.mark.parametrize("ask", [capture_call_graph, format_call_graph, print_call_graph])
@pytest.mark.parametrize("value", [1, "task", object(), asyncio.Task, asyncio.sleep, ()], ids=repr)
def test_what_is_no_future_is_a_type_error(run_c, ask, value):
    with pytest.raises(TypeError, match="does not appear to be compatible with asyncio.Future"):
        ask(value)

    async def main():
        with pytest.raises(TypeError, match="compatible with asyncio.Future"):
            ask(value)

    run_c(main)


def test_a_concurrent_future_is_none_of_asyncio():
    import concurrent.futures

    with pytest.raises(TypeError, match="compatible with asyncio.Future"):
        capture_call_graph(concurrent.futures.Future())


def test_what_cannot_be_shown_raises_its_own_error():
    with pytest.raises(ZeroDivisionError):
        capture_call_graph(Unprintable())


@pytest.mark.parametrize(
    "arguments, options",
    [
        ((None, 1), {}),
        ((), {"depth": "1"}),
        ((), {"limit": 1.5}),
        ((), {"limit": "all"}),
        ((), {"future": None}),
        ((), {"nonsense": 1}),
    ],
)
def test_wrong_arguments_are_type_errors(run_c, arguments, options):
    async def main():
        for ask in capture_call_graph, format_call_graph, print_call_graph:
            with pytest.raises(TypeError):
                ask(*arguments, **options)

    run_c(main)


def test_a_task_of_a_closed_loop():
    loop = asyncio.new_event_loop()
    future = loop.create_future()

    async def waits():
        await future

    task = loop.create_task(waits(), name="task")
    loop.run_until_complete(settle())
    loop.close()
    assert shown(capture_call_graph(future)) == [
        "a future",
        [],
        [["task", ["async waits"], []]],
    ]
    assert plain(format_call_graph(task)).startswith("* Task(name='task', id=ID)\n  + Call stack:")
    # Nobody can end it properly any more.
    task._log_destroy_pending = False
    task.get_coro().close()


def test_a_task_that_has_not_begun(run):
    async def main():
        task = start(forever(), "task")
        return stack(capture_call_graph(task))

    assert run(main) == ["async forever"]


def test_from_another_thread_while_the_loop_runs(run_c):
    async def main():
        leaf = start(forever(), "leaf")

        async def waits():
            await leaf

        start(waits(), "parent")
        await settle()
        found = []

        def ask():
            for _ in range(100):
                found.append(shown(capture_call_graph(leaf)))
                format_call_graph(leaf)
            with pytest.raises(RuntimeError):
                capture_call_graph()

        thread = threading.Thread(target=ask)
        thread.start()
        while thread.is_alive():
            await asyncio.sleep(0)
        return found

    expected = ["leaf", ["async forever"], [["parent", ["async waits"], []]]]
    assert run_c(main) == [expected] * 100


def test_while_other_threads_make_and_end_tasks():
    """Many loops at once, each asked about by all threads."""
    tasks = []
    stop = threading.Event()

    def churn():
        async def child():
            await asyncio.sleep(0)

        async def main():
            while not stop.is_set():
                children = [asyncio.ensure_future(child()) for _ in range(20)]
                tasks[:] = children
                await asyncio.gather(*children)

        asyncio.run(main())

    threads = [threading.Thread(target=churn) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3_000):
            for task in tasks[:3]:
                capture_call_graph(task)
                format_call_graph(task)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("method", ["get_coro", "get_name", "__repr__", "__hash__", "__eq__"])
def test_a_subclass_that_raises(run_c, method):
    def raises(self, *_):
        raise ZeroDivisionError

    namespace = {method: raises}
    if method == "__eq__":
        namespace["__hash__"] = asyncio.Task.__hash__
    bad = type("Bad", (asyncio.Task,), namespace)

    async def main():
        loop = asyncio.get_running_loop()
        end = loop.create_future()

        async def waits(awaitable):
            await awaitable

        leaf = start(waits(end), "leaf")
        # To 3.13 asyncio keeps tasks in a set, which this one cannot be in.
        waiting = waits(leaf)
        try:
            parent = bad(waiting, loop=loop)
        except ZeroDivisionError:
            waiting.close()
            return
        await settle()
        if method == "get_coro":
            for ask in capture_call_graph, format_call_graph:
                with pytest.raises(ZeroDivisionError):
                    ask(leaf)
            assert capture_call_graph(leaf, limit=0).awaited_by[0].future is parent
        elif method == "get_name":
            assert capture_call_graph(leaf).awaited_by[0].future is parent
            with pytest.raises(ZeroDivisionError):
                format_call_graph(leaf)
        else:
            assert capture_call_graph(leaf).awaited_by[0].future is parent
            assert "Awaited by" in format_call_graph(leaf)
        # Nor can asyncio.wait, which ends what a test leaves behind, take it.
        end.set_result(None)
        await settle()

    run_c(main)


def test_a_subclass_that_says_something_else(run_c):
    class Renamed(asyncio.Task):
        def get_name(self):
            return ["a", "list"]

        def get_coro(self):
            return None

    async def main():
        task = Renamed(forever(), loop=asyncio.get_running_loop())
        await settle()
        assert capture_call_graph(task).call_stack == ()
        assert plain(format_call_graph(task)) == "* Task(name=['a', 'list'], id=ID)"

    run_c(main)


def test_a_name_that_is_a_string_of_another_class(run_c):
    class Shouted(str):
        def __repr__(self):
            return self.upper()

    class Named(asyncio.Task):
        def get_name(self):
            return Shouted("name")

    async def main():
        task = Named(forever(), loop=asyncio.get_running_loop())
        return plain(format_call_graph(task, limit=0))

    assert run_c(main) == "* Task(name=NAME, id=ID)"


def test_a_future_with_a_coroutine_of_its_own(run_c):
    """`get_coro` is asked for wherever there is one, as asyncio does."""

    class Promise(asyncio.Future):
        def get_coro(self):
            return self.coroutine

    async def main():
        promise = Promise(loop=asyncio.get_running_loop())
        task = start(forever(), "task")
        await settle()
        promise.coroutine = task.get_coro()
        return stack(capture_call_graph(promise)), plain(format_call_graph(promise, limit=0))

    assert run_c(main) == (["async forever"], "* Future(id=ID)")


def test_a_subclass_whose_init_was_not_called():
    class Empty(asyncio.Future):
        def __init__(self):
            pass

    assert shown(capture_call_graph(Empty())) == ["a future", [], []]
    assert plain(format_call_graph(Empty())) == "* Future(id=ID)"


def test_a_mock_of_a_future(run_c):
    async def main():
        mock = unittest.mock.Mock(spec=asyncio.Future)
        assert capture_call_graph(mock).future is mock

    run_c(main)


def test_callbacks_whose_attributes_raise(run):
    class Callback:
        def __getattr__(self, name):
            raise ZeroDivisionError(name)

        def __call__(self, future):
            pass

    async def main():
        task = start(forever(), "task")
        callbacks = Callback(), types.MethodType(Callback(), Callback())
        for callback in callbacks:
            task.add_done_callback(callback)
        found = awaiters(capture_call_graph(task))
        # asyncio's own error messages could not show them.
        for callback in callbacks:
            task.remove_done_callback(callback)
        return found

    assert run(main) == []


def test_a_cell_that_is_empty(run):
    """A gather whose future is not made yet: its cell holds None."""

    async def main():
        found = []

        class Nosy(asyncio.Future):
            def add_done_callback(self, callback, **options):
                super().add_done_callback(callback, **options)
                found.append(awaiters(capture_call_graph(self)))

        nosy = Nosy(loop=asyncio.get_running_loop())
        asyncio.gather(nosy)
        nosy.set_result(None)
        return found

    assert len(run(main)) == 1


def test_a_task_that_ends_while_it_is_captured(run_c):
    """By what a method of another one does."""

    class Meddler(asyncio.Task):
        def get_coro(self):
            victim.get_coro().close()
            return super().get_coro()

    async def main():
        nonlocal victim
        loop = asyncio.get_running_loop()
        leaf = start(forever(), "leaf")

        async def waits():
            await leaf

        Meddler(waits(), loop=loop).set_name("meddler")
        victim = start(waits(), "victim")
        await settle()
        graph = capture_call_graph(leaf)
        text = format_call_graph(leaf)
        return awaiters(graph), text.count("Task(")

    victim = None
    assert run_c(main) == (["meddler", "victim"], 3)


def test_asking_from_within_the_asked(run_c):
    """A method that asks for the same graph again."""
    depth = 0

    class Curious(asyncio.Task):
        def get_coro(self):
            nonlocal depth
            depth += 1
            if depth < 10:
                format_call_graph(self)
                capture_call_graph(self)
            return super().get_coro()

    async def main():
        task = Curious(forever(), loop=asyncio.get_running_loop())
        await settle()
        return stack(capture_call_graph(task))

    assert run_c(main) == ["async forever"]


def test_an_unwritable_file(run_c):
    class Full:
        def write(self, text):
            raise OSError("no space left")

    async def main():
        with pytest.raises(OSError, match="no space left"):
            print_call_graph(file=Full())

    run_c(main)


def test_nothing_but_its_names_is_public():
    assert set(awaitgraph.__all__) == {
        name for name in vars(awaitgraph) if not name.startswith("_")
    }
