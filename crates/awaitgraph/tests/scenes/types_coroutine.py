"""@types.coroutine over generators that delegate and that yield futures themselves."""
import asyncio
import types

import truth


@types.coroutine
def low():
    future = truth.forever()
    future._asyncio_future_blocking = True
    yield future


@types.coroutine
def high():
    yield from low()


async def work():
    await truth.forever()


def plain(awaitable):
    return (yield from awaitable)


@types.coroutine
def mixed():
    yield from plain(work().__await__())


@types.coroutine
def not_a_generator():
    return high()


async def waits(label, make):
    truth.mark(label)
    await make()


async def main():
    truth.mark("main")
    makers = (low, high, mixed, not_a_generator)
    await asyncio.gather(*[waits(make.__name__, make) for make in makers])


for label in ("low", "high", "mixed", "not_a_generator"):
    truth.awaits("main", label, "gather")
truth.stack("low", "low", "waits")
truth.stack("high", "low", "high", "waits")
truth.stack("mixed", "work", "plain", "mixed", "waits")
truth.stack("not_a_generator", "low", "high", "waits")
truth.run(main)
