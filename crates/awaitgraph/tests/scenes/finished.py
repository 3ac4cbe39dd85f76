"""Finished tasks that are still referenced are left out: results, errors, cancelled ones."""
import asyncio

import truth

kept = []


async def ends():
    return 1


async def fails():
    raise ValueError("as it should")


async def child():
    truth.mark("child")
    await truth.forever()


async def main():
    truth.mark("main")
    for coroutine in (ends(), fails()):
        kept.append(asyncio.ensure_future(coroutine))
    kept.append(asyncio.ensure_future(ends()))
    kept[-1].cancel()
    await asyncio.wait(kept)
    assert all(task.done() for task in kept)
    kept[1].exception()
    await asyncio.gather(kept[0], asyncio.ensure_future(child()))


truth.awaits("main", "child", "gather")
truth.run(main)
