"""ensure_future of an object with __await__, and gather of one: asyncio wraps it in a coroutine."""
import asyncio

import truth


class Reply:
    def __init__(self, label):
        self.label = label

    def __await__(self):
        return self.wait().__await__()

    async def wait(self):
        truth.mark(self.label)
        await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.gather(Reply("a"), asyncio.ensure_future(Reply("b")))


truth.awaits("main", "a", "gather")
truth.awaits("main", "b", "gather")
truth.run(main)
