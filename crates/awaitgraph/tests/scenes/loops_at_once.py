"""Three threads execute Python at once, each in a task of a loop of its own.

Without the GIL all of them run on while they are looked at; with it they take
turns.
"""
import asyncio
import threading

import truth


@truth.spins
def spin():
    # On one line, as a target is stopped at any of its instructions.
    while True: pass


async def busy(label):
    truth.mark(label)
    spin()


async def leaf(label):
    truth.mark(label)
    await truth.forever()


async def main(label):
    truth.mark(label)
    await asyncio.gather(leaf("leaf of " + label), busy("busy of " + label))


for label in "abc":
    truth.awaits(label, "leaf of " + label, "gather")
    truth.awaits(label, "busy of " + label, "gather")
    truth.state("busy of " + label, "running")
    truth.stack("busy of " + label, "spin", "busy")
    threading.Thread(target=lambda label=label: asyncio.run(main(label)), daemon=True).start()
truth.watch()
truth.block()
