"""Tasks that were registered by hand, too, as libraries with tasks of their own do."""
import asyncio

import truth


class Task(truth.CTask):
    """Of a third party: it registers what it makes."""

    def __init__(self, coroutine, **options):
        super().__init__(coroutine, **options)
        asyncio._register_task(self)


class PyTask(truth.PyTask):
    def __init__(self, coroutine, **options):
        super().__init__(coroutine, **options)
        asyncio._register_task(self)


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    await asyncio.gather(Task(child("a"), loop=loop), PyTask(child("b"), loop=loop))


truth.awaits("main", "a", "gather")
truth.awaits("main", "b", "gather")
truth.run(main)
