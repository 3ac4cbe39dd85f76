"""Tasks made of an async generator's steps, and of the closing of an abandoned generator."""
import asyncio

import truth


async def inner():
    await truth.forever()


async def values(label):
    truth.mark(label)
    await inner()
    yield


async def closed_slowly():
    try:
        yield 1
    finally:
        truth.mark("closing")
        await inner()


async def main():
    truth.mark("main")
    async for _ in closed_slowly():
        break  # the loop makes a task that closes the generator
    loop = asyncio.get_running_loop()
    steps = [values("next").__anext__(), values("send").asend(None)]
    await asyncio.gather(*[loop.create_task(step) for step in steps])


truth.awaits("main", "next", "gather")
truth.awaits("main", "send", "gather")
truth.stack("next", "inner", "values")
truth.stack("send", "inner", "values")
truth.stack("closing", "inner", "closed_slowly")
truth.when(lambda: "closing" in truth._marks)
truth.run(main)
