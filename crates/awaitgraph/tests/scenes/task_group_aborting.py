"""A TaskGroup after a failure: the child that takes its time to be cancelled. From 3.11."""
import asyncio

import truth


async def fails():
    raise ValueError("as it should")


async def stubborn():
    truth.mark("stubborn")
    try:
        await truth.forever()
    except asyncio.CancelledError:
        truth.state("stubborn", "waiting")
        truth.awaits("main", "stubborn", "task_group")
        await truth.forever()


async def main():
    truth.mark("main")
    async with asyncio.TaskGroup() as group:
        group.create_task(stubborn())
        await asyncio.sleep(0)
        group.create_task(fails())


truth.when(lambda: truth._edges)
truth.run(main)
