"""Loops that do not run any more, stopped or closed, with tasks that wait; and one that never ran."""
import asyncio

import truth

kept = []


async def leaf(label):
    truth.mark(label)
    await truth.forever()


async def left(label):
    truth.mark(label)
    await asyncio.shield(leaf(label + " leaf"))


def stopped(label):
    loop = asyncio.new_event_loop()
    kept.append(loop.create_task(left(label)))
    for _ in range(3):
        loop.run_until_complete(asyncio.sleep(0))
    return loop


async def never():
    pass


async def main():
    truth.mark("main")
    await truth.forever()


kept.append(stopped("stopped"))
closed = stopped("closed")
closed.close()
idle = asyncio.new_event_loop()
truth.mark("never", idle.create_task(never()))
truth.awaits("stopped", "stopped leaf", "shield")
truth.awaits("closed", "closed leaf", "shield")
truth.state("never", "ready")
truth.when(lambda: "main" in truth._marks)
truth.run(main)
