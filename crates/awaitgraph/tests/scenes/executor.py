"""run_in_executor: a task waits for a thread, another for a gather of two threads' work."""
import asyncio

import truth


async def one():
    truth.mark("one")
    await asyncio.get_running_loop().run_in_executor(None, truth.block)


async def two():
    truth.mark("two")
    loop = asyncio.get_running_loop()
    await asyncio.gather(*[loop.run_in_executor(None, truth.block) for _ in range(2)])


async def main():
    truth.mark("main")
    await asyncio.gather(one(), two())


truth.awaits("main", "one", "gather")
truth.awaits("main", "two", "gather")
truth.run(main)
