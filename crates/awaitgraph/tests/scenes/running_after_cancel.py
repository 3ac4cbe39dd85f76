"""A cancelled task blocks in its handler, deep in coroutines and generators: thrown into, not sent to."""
import asyncio
import contextlib

import truth


async def handler():
    try:
        await truth.forever()
    except asyncio.CancelledError:
        truth.block()


class Awaitable:
    def __await__(self):
        yield from middle().__await__()


async def middle():
    await handler()


async def values():
    yield 1
    await Awaitable()


@contextlib.asynccontextmanager
async def context():
    async for value in values():
        yield value


async def cancelled(label):
    truth.mark(label)
    async with context():
        pass


async def main():
    truth.mark("main")
    task = asyncio.ensure_future(cancelled("child"))
    while truth.waiter(task) is None:
        await asyncio.sleep(0)
    task.cancel()
    await task


truth.awaits("main", "child", "await")
truth.state("child", "running")
truth.stack(
    "child", "block", "handler", "middle", "__await__", "values", "context", "__aexit__", "cancelled"
)
truth.run(main)
