"""Event loops of every flavour that a test is to run on.

asyncio has its tasks and futures twice, in C and in Python, and a program may
have any mix of them; uvloop brings a loop of its own. A test that takes `run`
runs once with each.
"""

import asyncio
import sys

import pytest

try:
    import uvloop
except ImportError:
    uvloop = None


def pytest_configure(config):
    config.addinivalue_line("markers", "since(major, minor): of a construct of later versions")
    config.addinivalue_line("markers", "before(major, minor): of what only earlier versions do")


def pytest_collection_modifyitems(items):
    """Leaves out what this version does not have: there is nothing to skip."""
    items[:] = [item for item in items if applies(item)]


def applies(item):
    since = all(sys.version_info >= mark.args for mark in item.iter_markers("since"))
    return since and all(sys.version_info < mark.args for mark in item.iter_markers("before"))


def python_tasks(loop):
    def make(loop, coro, **settings):
        return asyncio.tasks._PyTask(coro, loop=loop, **settings)

    loop.set_task_factory(make)


def python_futures(loop):
    loop.create_future = lambda: asyncio.futures._PyFuture(loop=loop)


def c_loop():
    return asyncio.SelectorEventLoop()


def python_loop():
    loop = asyncio.SelectorEventLoop()
    python_tasks(loop)
    python_futures(loop)
    return loop


def mixed_loop():
    loop = asyncio.SelectorEventLoop()
    python_tasks(loop)
    return loop


LOOPS = {"c": c_loop, "python": python_loop, "mixed": mixed_loop}
if uvloop is not None:
    LOOPS["uvloop"] = uvloop.new_event_loop


def all_tasks(loop):
    """Those written in Python too, which 3.14's function in C does not know of."""
    in_python = getattr(asyncio.tasks, "_py_all_tasks", asyncio.all_tasks)
    return asyncio.all_tasks(loop) | in_python(loop)


def run_on(make_loop, main):
    """Runs `main()` to its end on a new loop, and leaves no task behind."""
    loop = make_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main())
    finally:
        left = all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.wait(left) if left else asyncio.sleep(0))
        for task in left:
            if not task.cancelled():
                task.exception()
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


@pytest.fixture(params=sorted(LOOPS))
def run(request, monkeypatch):
    """Runs a coroutine function on a loop of each flavour."""
    in_python = getattr(asyncio.tasks, "_py_current_task", None)
    if request.param in ("python", "mixed") and in_python is not None:
        # From 3.14 the function in C does not know of tasks in Python, and half
        # of asyncio asks it.
        for module in (asyncio, asyncio.tasks):
            monkeypatch.setattr(module, "current_task", in_python)
    return lambda main: run_on(LOOPS[request.param], main)


@pytest.fixture
def run_c():
    """Runs a coroutine function on a loop of asyncio with its tasks in C."""
    return lambda main: run_on(c_loop, main)
