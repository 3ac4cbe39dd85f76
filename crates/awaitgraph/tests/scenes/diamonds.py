"""A ladder of twenty diamonds: each step's two tasks both await both of the next step's."""
import asyncio

import truth

STEPS = 20


async def step(below):
    await (asyncio.gather(*below) if below else truth.forever())


async def main():
    truth.mark("main")
    below = []
    for number in reversed(range(STEPS)):
        pair = [asyncio.ensure_future(step(below)) for _ in range(2)]
        for side, task in enumerate(pair):
            task.set_name("step %d, %s" % (number, ("left", "right")[side]))
            for child in below:
                truth.awaits(task, child, "gather")
        below = pair
    for child in below:
        truth.awaits("main", child, "gather")
    await asyncio.gather(*below)


truth.when(lambda: len(truth._edges) == (STEPS - 1) * 4 + 2)
truth.run(main)
