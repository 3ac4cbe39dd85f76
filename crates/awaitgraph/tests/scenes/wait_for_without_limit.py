"""wait_for with no time limit around a task."""
import asyncio

import truth


async def child():
    truth.mark("child")
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.wait_for(asyncio.ensure_future(child()), None)


truth.awaits("main", "child", "wait_for")
truth.run(main)
