"""Sleeps: how long each still lasts."""
import asyncio
import time

import truth


async def sleeps(label, seconds):
    truth.mark(label)
    truth.waits(label, "sleep", left=time.monotonic() + seconds, deadline=None)
    await asyncio.sleep(seconds)


async def main():
    truth.mark("main")
    await asyncio.gather(sleeps("an hour", 3600), sleeps("two minutes", 120.5))


truth.awaits("main", "an hour", "gather")
truth.awaits("main", "two minutes", "gather")
truth.run(main)
