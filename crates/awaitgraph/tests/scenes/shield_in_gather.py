"""A gather of shields, and a shield that is shielded once more."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    global futures
    once = asyncio.shield(child("b"))
    twice = asyncio.shield(once)
    simple = asyncio.shield(child("a"))
    both = asyncio.gather(simple, twice)
    futures = {"a": [simple, both], "b": [once, twice, both]}
    await both


for label in "ab":
    truth.awaits("main", label, "shield", via=lambda label=label: futures[label])
truth.run(main)
