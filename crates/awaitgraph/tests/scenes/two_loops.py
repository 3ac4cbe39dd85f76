"""Loops in three threads, the main one among them, each with tasks of its own."""
import asyncio
import threading

import truth


async def leaf(label):
    truth.mark(label)
    await truth.forever()


async def other(label):
    truth.mark(label)
    await asyncio.gather(leaf(label + "1"), leaf(label + "2"))


async def main():
    for label in "ab":
        threading.Thread(target=lambda label=label: asyncio.run(other(label)), daemon=True).start()
    await other("main")


for label in ("a", "b", "main"):
    truth.awaits(label, label + "1", "gather")
    truth.awaits(label, label + "2", "gather")
truth.run(main)
