"""Tasks whose next step is scheduled, while another one blocks the loop."""
import asyncio

import truth


async def new():
    await truth.forever()


async def rests():
    truth.mark("rests")
    await asyncio.sleep(0)


async def woken(future):
    truth.mark("woken")
    await future


async def waits_for_done(future):
    truth.mark("waits for two")
    await asyncio.gather(future, truth.forever())


async def sleeps():
    truth.mark("sleeps")
    await asyncio.sleep(3600)


async def blocks(future):
    truth.mark("blocks")
    future.set_result(None)
    new_task = asyncio.ensure_future(new())
    truth.mark("new", new_task)
    truth.mark("rests", asyncio.ensure_future(rests()))
    truth.block()


async def main():
    truth.mark("main")
    future = truth.forever()
    tasks = [asyncio.ensure_future(c) for c in (woken(future), waits_for_done(future), sleeps())]
    for _ in range(3):
        await asyncio.sleep(0)
    tasks.append(asyncio.ensure_future(blocks(future)))
    await asyncio.wait(tasks)


for label in ("woken", "waits for two", "sleeps", "blocks"):
    truth.awaits("main", label, "wait")
truth.state("new", "ready")
truth.state("rests", "ready")
truth.state("woken", "ready")
truth.state("waits for two", "waiting")
truth.state("sleeps", "waiting")
truth.state("blocks", "running")
truth.state("main", "waiting")
truth.when(lambda: "rests" in truth._marks)
truth.run(main)
