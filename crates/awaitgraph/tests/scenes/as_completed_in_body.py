"""The body of a loop over as_completed waits for something else: nobody waits for the rest."""
import asyncio

import truth


async def ends():
    pass


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    tasks = [asyncio.ensure_future(c) for c in (child("a"), ends(), child("b"))]
    for result in asyncio.as_completed(tasks):
        await result
        await asyncio.ensure_future(child("else"))


truth.awaits("main", "else", "await")
for label in "ab":
    truth.recorded("main", label)
truth.run(main)
