"""__await__ as a wrapper of a coroutine, as a generator, and as one that yields a future itself."""
import asyncio

import truth


async def work():
    await truth.forever()


class Wraps:
    def __init__(self, awaitable):
        self.awaitable = awaitable

    def __await__(self):
        return self.awaitable.__await__()


class Delegates(Wraps):
    def __await__(self):
        result = yield from self.awaitable.__await__()
        return result


class Yields:
    def __await__(self):
        future = truth.forever()
        future._asyncio_future_blocking = True
        yield future


async def wraps():
    truth.mark("wraps")
    await Wraps(work())


async def delegates():
    truth.mark("delegates")
    await Delegates(work())


async def yields():
    truth.mark("yields")
    await Yields()


async def all_of_them():
    truth.mark("all of them")
    await Wraps(Delegates(Wraps(Delegates(Wraps(Wraps(work()))))))


async def of_task(task):
    truth.mark("of task")
    await Delegates(Wraps(task))


async def child():
    truth.mark("child")
    await truth.forever()


async def main():
    truth.mark("main")
    task = asyncio.ensure_future(child())
    await asyncio.gather(wraps(), delegates(), yields(), all_of_them(), of_task(task))


for label in ("wraps", "delegates", "yields", "all of them", "of task"):
    truth.awaits("main", label, "gather")
truth.awaits("of task", "child", "await")
truth.stack("wraps", "work", "wraps")
truth.stack("delegates", "work", "__await__", "delegates")
truth.stack("yields", "__await__", "yields")
truth.stack("all of them", "work", "__await__", "__await__", "all_of_them")
truth.run(main)
