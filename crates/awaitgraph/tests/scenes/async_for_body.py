"""Suspended in the body of an async for, while the generator rests at a yield."""
import asyncio

import truth


async def numbers():
    for number in range(3):
        await asyncio.sleep(0)
        yield number


async def body():
    truth.mark("body")
    async for number in numbers():
        async for other in numbers():
            await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.gather(body())


truth.awaits("main", "body", "gather")
truth.stack("body", "body")
truth.run(main)
