"""Tasks that nobody named, and whose names nobody has asked for (a number inside, from 3.12)."""
import asyncio

import truth


async def child():
    await truth.forever()


async def main():
    truth.mark("main")
    first = asyncio.create_task(child())
    start = int(first.get_name().rpartition("-")[2])
    tasks = [first]
    for number in range(1, 40):
        tasks.append(asyncio.create_task(child()))
        truth.named(tasks[-1], "Task-%d" % (start + number))
    truth.named("main", "Task-1")
    for task in tasks:
        truth.awaits("main", task, "gather")
    await asyncio.gather(*tasks)


truth.when(lambda: truth._edges)
truth.run(main)
