"""A gather of gathers: the children of each wait through two futures, or three."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    first = asyncio.gather(child("a"), child("b"))
    deep = asyncio.gather(asyncio.gather(child("d")), child("e"))
    await asyncio.gather(first, child("c"), deep)


for label in "abcde":
    truth.awaits("main", label, "gather")
truth.run(main)
