"""Seventy thousand tasks; the truth holds their names and numbers only."""
import asyncio

import truth

COUNT = 70_000


async def worker():
    await truth.forever()


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    tasks = []
    for number in range(COUNT):
        tasks.append(loop.create_task(worker()))
        tasks[-1].set_name("worker %d" % number)
    await asyncio.wait(tasks)


truth.when(lambda: "main" in truth._marks)
truth.in_numbers("wait", COUNT)
truth.run(main)
