"""gather with return_exceptions: one child has failed, one has ended, two go on."""
import asyncio

import truth


async def fails():
    raise ValueError("as it should")


async def ends():
    return 1


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.gather(fails(), child("a"), ends(), child("b"), return_exceptions=True)


truth.awaits("main", "a", "gather")
truth.awaits("main", "b", "gather")
truth.run(main)
