"""Timers of a program's own, and sleeps without an end."""
import asyncio
import functools
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


async def main():
    truth.mark("main")
    await asyncio.gather(timer(), partial(), forever())


truth.awaits("main", "timer", "gather")
truth.awaits("main", "partial", "gather")
truth.awaits("main", "forever", "gather")
truth.run(main)
