"""asyncio.timeout around a task and around plain coroutines. From 3.11."""
import asyncio

import truth


async def child():
    truth.mark("child")
    async with asyncio.timeout(3600):
        async with asyncio.timeout_at(None):
            await truth.forever()


async def main():
    truth.mark("main")
    async with asyncio.timeout(3600):
        await asyncio.ensure_future(child())


truth.awaits("main", "child", "await")
truth.run(main)
