"""A task runs its own loop once more from inside its step, as notebooks do: two tasks run at once."""
import asyncio

import truth


async def waits():
    truth.mark("waits")
    await truth.forever()


async def blocks():
    truth.mark("inner")
    truth.block()


def run_again(loop, task):
    asyncio.tasks._leave_task(loop, task)
    try:
        while True:
            loop._run_once()
    finally:
        asyncio.tasks._enter_task(loop, task)


async def helper(loop, task):
    run_again(loop, task)


async def main():
    truth.mark("outer")
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(waits()), loop.create_task(blocks())]
    await helper(loop, asyncio.current_task())
    await asyncio.wait(tasks)


truth.state("outer", "running")
truth.state("inner", "running")
truth.when(lambda: "inner" in truth._marks)
truth.run(main)
