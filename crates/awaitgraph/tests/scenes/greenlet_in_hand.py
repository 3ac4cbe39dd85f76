"""Greenlets that a coroutine has in hand without awaiting anything for them are not in its stack."""
import asyncio

import greenlet

import truth


def generate(values):
    """Hands values over one by one, as generators are made of greenlets."""
    for value in values:
        greenlet.getcurrent().parent.switch(value)


async def child():
    truth.mark("child")
    await truth.forever()


async def holds(values, task):
    suspended = greenlet.greenlet(generate)
    assert suspended.switch(values) == 1
    ended = greenlet.greenlet(generate)
    ended.switch([])
    assert ended.dead
    begun = greenlet.greenlet(generate)
    running = greenlet.getcurrent()
    await task
    return suspended, begun, running


async def main():
    truth.mark("main")
    await holds([1, 2], asyncio.ensure_future(child()))


truth.awaits("main", "child", "await")
truth.stack("main", "holds", "main")
truth.run(main)
