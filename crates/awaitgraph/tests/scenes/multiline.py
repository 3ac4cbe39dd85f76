"""Statements over many lines: the line of the await, not of the statement."""
import asyncio

import truth


async def pause(*_, **__):
    await truth.forever()


async def call():
    truth.mark("call")
    await pause(
        1,
        # a comment on the way
        2,
        key=[
            3,
        ],
    )


async def nested():
    truth.mark("nested")
    print(
        1,
        (
            await pause(
                2
            )
        ),
        3,
    )


async def chain():
    truth.mark("chain")
    await (
        Builder()
        .with_one()
        .with_one()
        .finish(
            1
        )
    )


class Builder:
    def with_one(self):
        return self

    async def finish(self, _):
        return await pause(
            pause,
            timeout=3600,
        )


async def backslash():
    truth.mark("backslash")
    value = 1 + \
        2 + \
        (await pause()) + \
        3
    return value


async def dictionary():
    truth.mark("dictionary")
    return {
        "a": 1,
        "b": await pause(),
        "c": 3,
    }


async def condition():
    truth.mark("condition")
    if (
        1
        and await pause()
        and 2
    ):
        return


async def with_statement():
    truth.mark("with")
    async with \
            asyncio.Lock(), \
            Leaves(
                1
            ):
        # The line of leaving it
        # is that of the statement.
        pass


class Leaves:
    def __init__(self, _):
        pass

    async def __aenter__(self):
        pass

    async def __aexit__(self, *_):
        await truth.forever()


async def semicolons():
    truth.mark("semicolons"); await asyncio.sleep(0); await pause(); return 1


async def main():
    truth.mark("main")
    await asyncio.gather(
        call(),
        nested(),
        chain(),
        backslash(),
        dictionary(),
        condition(),
        with_statement(),
        semicolons(),
    )


for label in ("call", "nested", "backslash", "dictionary", "condition", "with", "semicolons"):
    truth.awaits("main", label, "gather")
truth.awaits("main", "chain", "gather")
truth.run(main)
