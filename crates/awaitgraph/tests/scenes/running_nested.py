"""A task blocks deep inside coroutines, generators and async generators."""
import asyncio
import contextlib

import truth


def numbers():
    yield 1
    truth.block()


def delegates():
    yield from numbers()


class Awaitable:
    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        list(delegates())


async def stream():
    yield 1
    await Awaitable()


async def through():
    async for value in stream():
        yield value


@contextlib.asynccontextmanager
async def manager():
    try:
        yield
    finally:
        async for _ in through():
            pass


class Wraps:
    def __await__(self):
        return uses().__await__()


async def uses():
    async with manager():
        pass


async def main():
    truth.mark("main")
    await Wraps()


truth.state("main", "running")
truth.stack(
    "main",
    "block",
    "numbers",
    "delegates",
    "__await__",
    "stream",
    "through",
    "manager",
    "__aexit__",
    "uses",
    "main",
)
truth.when(lambda: "main" in truth._marks)
truth.run(main)
