"""Tasks begin and end all the time; each name tells whose child it is.

`--threads=on`: threads with loops of their own come and go as well.
"""
import asyncio
import contextlib
import itertools
import os
import threading

import truth

numbers = itertools.count()


@contextlib.asynccontextmanager
async def context():
    await asyncio.sleep(0)
    yield
    await asyncio.sleep(0)


async def values():
    for number in range(3):
        async with context():
            yield number


async def child(name):
    asyncio.current_task().set_name("child of " + name)
    async for _ in values():
        await asyncio.sleep(0)


async def parent():
    while True:
        name = "parent %d" % next(numbers)
        asyncio.current_task().set_name(name)
        await asyncio.gather(*[child(name) for _ in range(4)])
        await asyncio.wait([asyncio.ensure_future(child(name)) for _ in range(2)])
        await asyncio.ensure_future(child(name))
        await asyncio.shield(child(name))


async def rounds(count):
    await asyncio.wait([asyncio.ensure_future(parent()) for _ in range(count)], timeout=0.02)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0)


def threads():
    while True:
        thread = threading.Thread(target=lambda: asyncio.run(rounds(3)))
        thread.start()
        thread.join()


async def main():
    if "threads" in truth.FLAVOURS:
        for _ in range(3):
            threading.Thread(target=threads, daemon=True).start()
    tasks = [asyncio.ensure_future(parent()) for _ in range(30)]
    await asyncio.sleep(0)
    truth.here(asyncio.get_running_loop())
    threading.Thread(target=serve, daemon=True).start()
    await asyncio.gather(*tasks)


def serve():
    truth.report({"pid": os.getpid()})
    truth.stay()


asyncio.run(main())
