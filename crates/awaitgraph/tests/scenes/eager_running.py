"""An eager task blocks in its first step, inside the step of the task that made it. From 3.12."""
import asyncio

import truth


async def inner():
    truth.block()


async def child():
    truth.mark("child")
    await inner()


def make(loop):
    return asyncio.Task(child(), loop=loop, eager_start=True)


async def middle():
    return make(asyncio.get_running_loop())


async def main():
    truth.mark("main")
    await (await middle())


truth.state("child", "running")
truth.state("main", "running")
truth.stack("child", "block", "inner", "child")
truth.stack("main", "make", "middle", "main")
truth.when(lambda: "child" in truth._marks)
truth.run(main)
