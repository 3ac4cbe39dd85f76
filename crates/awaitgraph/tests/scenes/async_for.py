"""async for over async generators, three deep, and over a class with __anext__."""
import asyncio

import truth


async def inner():
    yield 1
    await truth.forever()
    yield 2


async def middle():
    async for value in inner():
        yield value


async def outer():
    async for value in middle():
        yield value


class Stream:
    def __aiter__(self):
        return self

    async def __anext__(self):
        await truth.forever()


async def generators():
    truth.mark("generators")
    async for _ in outer():
        pass


async def iterator():
    truth.mark("iterator")
    async for _ in Stream():
        pass


async def main():
    truth.mark("main")
    await asyncio.gather(generators(), iterator())


truth.awaits("main", "generators", "gather")
truth.awaits("main", "iterator", "gather")
truth.stack("generators", "inner", "middle", "outer", "generators")
truth.stack("iterator", "__anext__", "iterator")
truth.run(main)
