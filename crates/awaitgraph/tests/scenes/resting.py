"""A task that rests in sleep(0), ready for its next step, while another one blocks the loop."""
import asyncio

import truth


async def inner():
    await asyncio.sleep(0)


async def rests():
    truth.mark("rests")
    await inner()


async def waits(task):
    truth.mark("waits")
    await task


async def main():
    truth.mark("main")
    task = asyncio.ensure_future(rests())
    waiter = asyncio.ensure_future(waits(task))
    asyncio.get_running_loop().call_soon(truth.block)
    await waiter


truth.awaits("waits", "rests", "await")
truth.awaits("main", "waits", "await")
truth.state("rests", "ready")
truth.state("waits", "waiting")
truth.run(main)
