"""Two tasks each await a result of the same as_completed."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def taker(label, result):
    truth.mark(label)
    await result


async def main():
    truth.mark("main")
    results = asyncio.as_completed([child("a"), child("b"), child("c")])
    await asyncio.gather(taker("first", next(results)), taker("second", next(results)))


for label in "abc":
    truth.awaits("first", label, "as_completed")
    truth.awaits("second", label, "as_completed")
truth.awaits("main", "first", "gather")
truth.awaits("main", "second", "gather")
for label in "abc":
    truth.recorded("main", label)
truth.run(main)
