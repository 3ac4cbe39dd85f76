"""A coroutine that runs synchronous code in a greenlet, as SQLAlchemy's asyncio layer does.

The greenlet switches back with what is to be awaited; the coroutine awaits it,
while the synchronous frames lie in the greenlet, out of every thread's stack.
What is awaited may be a task, a coroutine, or anything with an `__await__`; a
greenlet may run a loop of coroutines of its own, and may be of a class of its own.
"""
import asyncio

import greenlet

import truth


class Greenlet(greenlet.greenlet):
    """With attributes, as SQLAlchemy's have them."""

    provides = True


class Connecting:
    """Awaited through a coroutine's own `__await__`, as asyncpg's pools are."""

    def __init__(self, task):
        self.task = task

    def __await__(self):
        return connect(self.task).__await__()


class Connected:
    """Awaited through a generator."""

    def __init__(self, task):
        self.task = task

    def __await__(self):
        return (yield from self.task)


async def connect(task):
    return await task


def await_only(awaitable):
    return greenlet.getcurrent().parent.switch(awaitable)


def query(awaitable):
    try:
        return await_only(awaitable)
    finally:
        pass


def session(awaitable):
    return [query(each) for each in [awaitable]]


def drive(awaitable):
    """A coroutine inside of the greenlet, which another stack of Python's frames runs."""
    coroutine = inner(awaitable)
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value


async def inner(awaitable):
    return list(map(await_only, [awaitable]))


async def spawn(function, *arguments):
    context = Greenlet(function)
    result = context.switch(*arguments)
    while not context.dead:
        result = context.switch(await result)
    return result


async def twice(awaitable):
    """A greenlet inside of what a greenlet awaits."""
    return await spawn(session, spawn(drive, awaitable))


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    children = [loop.create_task(child("child-%d" % number)) for number in range(5)]
    ways = [
        spawn(session, children[0]),
        spawn(session, connect(children[1])),
        spawn(session, Connecting(children[2])),
        spawn(drive, Connected(children[3])),
        twice(children[4]),
    ]
    tasks = [loop.create_task(way) for way in ways]
    for number, task in enumerate(tasks):
        truth.mark("way-%d" % number, task)
        truth.awaits("way-%d" % number, "child-%d" % number, "await")
        truth.awaits("main", "way-%d" % number, "gather")
    await asyncio.gather(*tasks)


comprehension = ("<listcomp>",) if truth.sys.version_info < (3, 12) else ()
in_session = ("await_only", "query") + comprehension + ("session", "spawn")
in_drive = ("await_only", "inner", "drive", "spawn")
truth.greenlets(lambda frame: frame.f_code.co_name == "spawn" and frame.f_locals["context"])
truth.stack("way-0", *in_session)
truth.stack("way-1", "connect", *in_session)
truth.stack("way-2", "connect", *in_session)
truth.stack("way-3", "__await__", *in_drive)
truth.stack("way-4", *in_drive, *in_session, "twice")
truth.run(main)
