"""The body of a TaskGroup awaits one of its own children: two edges to that one. From 3.11."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    async with asyncio.TaskGroup() as group:
        group.create_task(child("a"))
        await group.create_task(child("b"))


truth.awaits("main", "a", "task_group")
truth.awaits("main", "b", "task_group")
truth.awaits("main", "b", "await")
truth.run(main)
