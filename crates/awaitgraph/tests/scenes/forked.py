"""A forked child runs the loop, after its parent ran one."""
import asyncio
import os

import truth


async def leaf(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.gather(leaf("a"), leaf("b"))


async def before():
    await asyncio.gather(*[asyncio.sleep(0) for _ in range(10)])


truth.awaits("main", "a", "gather")
truth.awaits("main", "b", "gather")
asyncio.run(before())
child = os.fork()
if child:
    os.waitpid(child, 0)
else:
    truth.run(main)
