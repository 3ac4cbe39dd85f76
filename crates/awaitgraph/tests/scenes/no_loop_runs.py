"""No loop runs at all, yet there are tasks."""
import asyncio

import truth

kept = []


async def leaf():
    truth.mark("leaf")
    await truth.forever()


async def left():
    truth.mark("left")
    await asyncio.ensure_future(leaf())


loop = asyncio.new_event_loop()
kept.append(loop.create_task(left()))
for _ in range(3):
    loop.run_until_complete(asyncio.sleep(0))
truth.awaits("left", "leaf", "await")
truth.watch()
truth.block()
