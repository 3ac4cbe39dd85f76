"""AsyncExitStack: entering a context through it, and unwinding it."""
import asyncio
import contextlib

import truth


class Resource:
    def __init__(self, slow):
        self.slow = slow

    async def __aenter__(self):
        if self.slow == "enter":
            await truth.forever()

    async def __aexit__(self, *_):
        await truth.forever()


async def use(label):
    truth.mark(label)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(Resource(label))


async def callback():
    truth.mark("callback")
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.sleep, 3600)


async def main():
    truth.mark("main")
    await asyncio.gather(use("enter"), use("leave"), callback())


for label in ("enter", "leave", "callback"):
    truth.awaits("main", label, "gather")
truth.run(main)
