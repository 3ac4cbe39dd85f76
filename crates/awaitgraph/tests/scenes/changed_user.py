"""A service that gives up its privileges once it is set up: it is not dumpable then."""
import asyncio
import os

import truth

os.setgid(65534)
os.setuid(65534)


async def main():
    truth.mark("main")
    await asyncio.gather(truth.forever())


truth.run(main)
