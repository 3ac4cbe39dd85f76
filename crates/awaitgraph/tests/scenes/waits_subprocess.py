"""Child processes: which one, and whether it still lives."""
import asyncio
import sys

import truth


async def waits():
    truth.mark("waits")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=-1)
    truth.waits("waits", "subprocess", pid=process.pid, alive=True, name="process")
    await process.wait()


async def main():
    truth.mark("main")
    await asyncio.gather(waits())


truth.awaits("main", "waits", "gather")
truth.run(main)
