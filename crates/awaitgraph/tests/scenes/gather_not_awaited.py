"""A gather that nobody awaits yet: only the interpreter's own record (3.14+) has an edge."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    both = asyncio.gather(child("a"), child("b"))
    await truth.forever()
    await both


truth.recorded("main", "a")
truth.recorded("main", "b")
truth.when(lambda: len(truth._marks) == 3)
truth.run(main)
