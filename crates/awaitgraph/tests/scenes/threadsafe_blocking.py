"""A thread of the executor blocks until a coroutine on the loop is done: no task awaits that one."""
import asyncio

import truth


async def child():
    truth.mark("child")
    await truth.forever()


def bridge(loop):
    asyncio.run_coroutine_threadsafe(child(), loop).result()


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, bridge, loop)


truth.when(lambda: "child" in truth._marks)
truth.run(main)
