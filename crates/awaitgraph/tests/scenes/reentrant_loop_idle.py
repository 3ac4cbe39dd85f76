"""The same, and nothing is left to do: the outer task still runs, although no task is current."""
import asyncio

import truth


async def waits():
    truth.mark("waits")
    await truth.forever()


def run_again(loop, task):
    asyncio.tasks._leave_task(loop, task)
    while True:
        loop._run_once()


async def main():
    truth.mark("outer")
    loop = asyncio.get_running_loop()
    task = loop.create_task(waits())
    run_again(loop, asyncio.current_task())
    await task


truth.state("outer", "running")
truth.when(lambda: "waits" in truth._marks)
truth.run(main)
