"""One task awaits another."""
import asyncio

import truth


async def leaf():
    truth.mark("leaf")
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.ensure_future(leaf())


truth.awaits("main", "leaf", "await", via=lambda: [])
truth.stack("leaf", "leaf")
truth.stack("main", "main")
truth.run(main)
