"""Tasks that await each other in a circle: two that nobody else awaits, three that main awaits."""
import asyncio

import truth

tasks = {}


async def waits(label, other):
    truth.mark(label)
    await tasks[other]


async def main():
    truth.mark("main")
    for label, other in ("xy", "yx", "ab", "bc", "ca"):
        tasks[label] = asyncio.ensure_future(waits(label, other))
    await tasks["b"]


for label, other in ("xy", "yx", "ab", "bc", "ca"):
    truth.awaits(label, other, "await")
truth.awaits("main", "b", "await")
truth.run(main)
