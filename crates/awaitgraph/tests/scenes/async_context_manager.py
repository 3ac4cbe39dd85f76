"""@asynccontextmanager, suspended in __aenter__ and in __aexit__, and one inside another."""
import asyncio
import contextlib

import truth


@contextlib.asynccontextmanager
async def slow_to_enter():
    await truth.forever()
    yield


@contextlib.asynccontextmanager
async def slow_to_leave():
    try:
        yield
    finally:
        await truth.forever()


@contextlib.asynccontextmanager
async def outer(inner):
    async with inner():
        yield


async def enters(label, manager):
    truth.mark(label)
    async with manager:
        pass


async def fails():
    truth.mark("fails")
    async with slow_to_leave():
        raise ValueError("as it should")


async def main():
    truth.mark("main")
    await asyncio.gather(
        enters("enter", slow_to_enter()),
        enters("leave", slow_to_leave()),
        enters("enter inner", outer(slow_to_enter)),
        enters("leave inner", outer(slow_to_leave)),
        fails(),
    )


for label in ("enter", "leave", "enter inner", "leave inner", "fails"):
    truth.awaits("main", label, "gather")
truth.stack("enter", "slow_to_enter", "__aenter__", "enters")
truth.stack("leave", "slow_to_leave", "__aexit__", "enters")
truth.stack("enter inner", "slow_to_enter", "__aenter__", "outer", "__aenter__", "enters")
truth.stack("leave inner", "slow_to_leave", "__aexit__", "outer", "__aexit__", "enters")
truth.stack("fails", "slow_to_leave", "__aexit__", "fails")
truth.run(main)
