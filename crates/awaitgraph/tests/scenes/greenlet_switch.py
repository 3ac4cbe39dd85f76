"""A coroutine that runs synchronous code in a greenlet, as SQLAlchemy's asyncio layer does.

The greenlet switches back with what is to be awaited; the coroutine awaits it,
while the synchronous frames lie in the greenlet, out of every thread's stack.
"""
import asyncio

import greenlet

import truth


def await_only(awaitable):
    return greenlet.getcurrent().parent.switch(awaitable)


def query(task):
    return await_only(task)


def session(task):
    return query(task)


async def spawn(function, *arguments):
    context = greenlet.greenlet(function)
    result = context.switch(*arguments)
    while not context.dead:
        result = context.switch(await result)
    return result


async def child():
    truth.mark("child")
    await truth.forever()


async def main():
    truth.mark("main")
    await spawn(session, asyncio.ensure_future(child()))


truth.awaits("main", "child", "await")
truth.stack("main", "spawn", "main")
truth.run(main)
