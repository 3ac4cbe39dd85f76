"""The body of a TaskGroup waits for something else. From 3.11."""
import asyncio

import truth


async def ends():
    pass


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    async with asyncio.TaskGroup() as group:
        group.create_task(child("a"))
        group.create_task(ends())
        group.create_task(child("b"))
        await truth.forever()


truth.awaits("main", "a", "task_group")
truth.awaits("main", "b", "task_group")
truth.stack("main", "main")
truth.run(main)
