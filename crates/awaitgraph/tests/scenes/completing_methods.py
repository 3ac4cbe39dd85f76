"""A future's own method is the callback that completes it; the loop calls it with the task."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def waiter(label, future):
    truth.mark(label)
    await future


async def main():
    truth.mark("main")
    global future
    future = truth.forever()
    task = asyncio.ensure_future(child("child"))
    task.add_done_callback(future.set_result)
    await asyncio.gather(waiter("waiter", future))


truth.awaits("waiter", "child", "callback", via=lambda: [future])
truth.awaits("main", "waiter", "gather")
truth.run(main)
