"""Futures whose callbacks complete each other in a circle, with tasks before and behind it."""
import asyncio
import functools

import truth


def complete(future, done):
    if not future.done():
        future.set_result(None)


async def child():
    truth.mark("child")
    await truth.forever()


async def waits(future):
    truth.mark("waits")
    await future


async def main():
    truth.mark("main")
    futures = [truth.forever() for _ in range(5)]
    for future, after in zip(futures, futures[1:] + futures[:1]):
        future.add_done_callback(functools.partial(complete, after))
    futures[2].add_done_callback(functools.partial(complete, futures[2]))
    task = asyncio.ensure_future(child())
    task.add_done_callback(functools.partial(complete, futures[0]))
    await asyncio.wait([asyncio.ensure_future(waits(futures[3]))])


truth.awaits("waits", "child", "callback")
truth.awaits("main", "waits", "wait")
truth.run(main)
