"""Sixty diamonds of plain futures between one task and another: more ways than can be walked."""
import asyncio

import truth


async def child():
    truth.mark("child")
    await truth.forever()


async def main():
    truth.mark("main")
    futures = [asyncio.ensure_future(child())]
    for _ in range(60):
        futures = [asyncio.gather(*futures), asyncio.gather(*futures)]
    await asyncio.gather(*futures)


truth.awaits("main", "child", "gather")
truth.run(main)
