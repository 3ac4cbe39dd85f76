"""A task's done callback blocks: its awaiter is about to be woken, the task itself is gone."""
import asyncio

import truth


async def ends():
    pass


def called(task):
    truth.block()


async def main():
    truth.mark("main")
    task = asyncio.ensure_future(ends())
    task.add_done_callback(called)
    await task


truth.state("main", "ready")
truth.when(lambda: "main" in truth._marks)
truth.run(main)
