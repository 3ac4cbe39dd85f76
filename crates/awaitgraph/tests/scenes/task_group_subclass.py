"""A subclass of TaskGroup has its own say when a task is done. From 3.11."""
import asyncio

import truth


class Counting(asyncio.TaskGroup):
    done = 0

    def _on_task_done(self, task):
        self.done += 1
        super()._on_task_done(task)


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    async with Counting() as group:
        group.create_task(child("a"))
        group.create_task(child("b"))


truth.awaits("main", "a", "task_group")
truth.awaits("main", "b", "task_group")
truth.run(main)
