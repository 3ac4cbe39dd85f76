"""Tasks that await themselves, through a gather and through a shield."""
import asyncio

import truth


async def gathers():
    truth.mark("gathers")
    await asyncio.gather(truth.current(), child())


async def shields():
    truth.mark("shields")
    await asyncio.shield(truth.current())


async def child():
    truth.mark("child")
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.gather(gathers(), shields())


truth.awaits("gathers", "gathers", "gather")
truth.awaits("gathers", "child", "gather")
truth.awaits("shields", "shields", "shield")
truth.awaits("main", "gathers", "gather")
truth.awaits("main", "shields", "gather")
truth.run(main)
