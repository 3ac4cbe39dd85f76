"""TaskGroups in the children of a TaskGroup, and one inside another's body. From 3.11."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def service(label):
    truth.mark(label)
    async with asyncio.TaskGroup() as group:
        for number in "12":
            group.create_task(child(label + number))


async def main():
    truth.mark("main")
    async with asyncio.TaskGroup() as outer:
        outer.create_task(service("a"))
        async with asyncio.TaskGroup() as inner:
            inner.create_task(service("b"))


for label in "ab":
    truth.awaits("main", label, "task_group")
    for number in "12":
        truth.awaits(label, label + number, "task_group")
truth.run(main)
