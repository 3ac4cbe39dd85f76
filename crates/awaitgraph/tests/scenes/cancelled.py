"""Tasks that were cancelled and are not done: about to be told, told and resisting, not started."""
import asyncio

import truth


async def told():
    truth.mark("told")
    await truth.forever()


async def resists():
    truth.mark("resists")
    try:
        await truth.forever()
    except asyncio.CancelledError:
        await truth.forever()


async def outer(task):
    truth.mark("outer")
    await task


async def inner():
    truth.mark("inner")
    await truth.forever()


async def new():
    pass


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    tasks = [asyncio.ensure_future(c) for c in (told(), resists(), inner())]
    tasks.append(asyncio.ensure_future(outer(tasks[2])))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    loop.call_soon(last, tasks)
    await asyncio.shield(tasks[1])


def last(tasks):
    tasks[0].cancel()
    tasks[3].cancel()
    later = asyncio.ensure_future(new())
    later.cancel()
    truth.mark("later", later)
    truth.block()


truth.awaits("outer", "inner", "await")
truth.awaits("main", "resists", "shield")
truth.state("told", "ready")
truth.state("resists", "waiting")
truth.state("inner", "ready")
truth.state("outer", "waiting")
truth.state("later", "ready")
truth.when(lambda: "later" in truth._marks)
truth.run(main)
