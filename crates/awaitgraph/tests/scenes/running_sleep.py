"""A task blocks its loop in time.sleep, called by the coroutine itself."""
import asyncio
import time

import truth


async def child():
    truth.mark("child")
    await asyncio.sleep(0)
    nap()


@truth.blocks
def nap(): time.sleep(3600)


async def main():
    truth.mark("main")
    await asyncio.ensure_future(child())


truth.awaits("main", "child", "await")
truth.state("child", "running")
truth.stack("child", "nap", "child")
truth.run(main)
