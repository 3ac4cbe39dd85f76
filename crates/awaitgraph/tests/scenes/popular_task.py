"""One task that two thousand others await, in three ways, beside as many callbacks of other kinds."""
import asyncio

import truth

COUNT = 2000


async def popular():
    truth.mark("popular")
    await truth.forever()


async def fan(number, task):
    if number % 3 == 0:
        await task
    elif number % 3 == 1:
        await asyncio.shield(task)
    else:
        await asyncio.wait([task])


async def main():
    truth.mark("main")
    task = asyncio.ensure_future(popular())
    fans = []
    for number in range(COUNT):
        task.add_done_callback(lambda task: None)
        fans.append(asyncio.ensure_future(fan(number, task)))
        truth.awaits(fans[-1], "popular", ("await", "shield", "wait")[number % 3])
        truth.awaits("main", fans[-1], "gather")
    await asyncio.gather(*fans)


truth.when(lambda: len(truth._edges) == 2 * COUNT)
truth.run(main)
