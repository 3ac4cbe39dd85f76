"""Suspended in a match statement, in parenthesized contexts, in a walrus. From 3.10."""
import asyncio

import truth


async def pause():
    await truth.forever()


async def matched(value):
    truth.mark("matched")
    match value:
        case {"a": [1, *rest]} if (found := await pause()):
            return rest, found
        case _:
            return None


async def subject():
    truth.mark("subject")
    match (1, await pause()):
        case (1, 2):
            return 3


class Context:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await truth.forever()


async def contexts():
    truth.mark("contexts")
    async with (
        Context() as first,
        Context() as second,
    ):
        return first, second


async def main():
    truth.mark("main")
    await asyncio.gather(matched({"a": [1, 2]}), subject(), contexts())


for label in ("matched", "subject", "contexts"):
    truth.awaits("main", label, "gather")
truth.run(main)
