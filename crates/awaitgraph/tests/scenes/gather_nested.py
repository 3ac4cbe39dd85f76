"""A gather of gathers: the children of each wait through two futures, or three."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    global futures
    truth.mark("main")
    first = asyncio.gather(child("a"), child("b"))
    deepest = asyncio.gather(child("d"))
    deep = asyncio.gather(deepest, child("e"))
    outermost = asyncio.gather(first, child("c"), deep)
    futures = {
        "a": [first, outermost],
        "b": [first, outermost],
        "c": [outermost],
        "d": [deepest, deep, outermost],
        "e": [deep, outermost],
    }
    await outermost


for label in "abcde":
    truth.awaits("main", label, "gather", via=lambda label=label: futures[label])
truth.run(main)
