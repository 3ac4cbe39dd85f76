"""Forty threads with a loop each."""
import asyncio
import threading

import truth


async def leaf(label):
    truth.mark(label)
    await truth.forever()


async def other(label):
    truth.mark(label)
    await asyncio.ensure_future(leaf("leaf of " + label))


for number in range(40):
    label = "loop %d" % number
    truth.awaits(label, "leaf of " + label, "await")
    threading.Thread(target=lambda label=label: asyncio.run(other(label)), daemon=True).start()
truth.watch()
truth.block()
