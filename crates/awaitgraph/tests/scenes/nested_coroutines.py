"""A task that is ten coroutines deep, and awaits another that is three deep."""
import asyncio

import truth


async def inner():
    truth.mark("leaf")
    await truth.forever()


async def middle():
    return await inner()


async def outer():
    await middle()


async def descend(depth):
    if depth:
        await descend(depth - 1)
    else:
        await asyncio.ensure_future(outer())


async def main():
    truth.mark("main")
    await descend(9)


truth.awaits("main", "leaf", "await")
truth.stack("leaf", "inner", "middle", "outer")
truth.stack("main", *["descend"] * 10, "main")
truth.run(main)
