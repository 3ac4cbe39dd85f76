"""Timers of a program's own that complete a future or give up on it, and sleeps without an end."""
import asyncio
import functools
import os
import time

import truth


async def timer():
    truth.mark("timer")
    future = truth.forever()
    truth.waits("timer", "sleep", left=time.monotonic() + 400)
    asyncio.get_running_loop().call_later(400, future.set_result, None)
    await future


async def partial():
    truth.mark("partial")
    future = truth.forever()
    truth.waits("partial", "sleep", left=time.monotonic() + 500)
    asyncio.get_running_loop().call_later(500, functools.partial(future.set_result, None))
    await future


async def forever():
    truth.mark("forever")
    truth.waits("forever", "sleep", left=None)
    await asyncio.sleep(float("inf"))


async def wakes(label, wake):
    truth.mark(label)
    future = truth.forever()
    truth.waits(label, "sleep", left=time.monotonic() + 300)
    wake(asyncio.get_running_loop(), future)
    await future


def by_partial(loop, future):
    loop.call_later(300, functools.partial(future.set_result, None))


def by_closure_of_another(loop, future):
    def run(callback):
        callback()

    loop.call_later(300, run, functools.partial(lambda: future.set_result(None)))


class Client:
    """Has a time limit of its own, which is not what is waited for."""

    async def ask(self, label, limit):
        truth.mark(label)
        self.answer = truth.forever()
        truth.waits(label, "future", name="Client.answer", held_by=["Client.answer"], orphaned=None)
        limit(asyncio.get_running_loop(), self.answer)
        await self.answer


def by_cancel(loop, future):
    loop.call_later(200, future.cancel)


def by_exception(loop, future):
    def give_up():
        if not future.done():
            future.set_exception(TimeoutError())

    loop.call_later(200, give_up)


async def polls():
    """Waits for a descriptor, and looks up now and then."""
    truth.mark("polls")
    fd, other = os.pipe()
    kept.append(other)
    future = truth.forever()

    def wake():
        if not future.done():
            future.set_result(None)

    loop = asyncio.get_running_loop()
    loop.add_reader(fd, wake)
    loop.call_later(200, wake)
    truth.waits("polls", "socket", action="read", fd=fd, family="pipe")
    await future


async def main():
    truth.mark("main")
    children = {
        "timer": timer(),
        "forever": forever(),
        "partial": wakes("partial", by_partial),
        "closure": wakes("closure", by_closure_of_another),
        "cancels": Client().ask("cancels", by_cancel),
        "fails": Client().ask("fails", by_exception),
        "polls": polls(),
    }
    for label in children:
        truth.awaits("main", label, "gather")
    await asyncio.gather(*children.values())


kept = []
truth.run(main)
