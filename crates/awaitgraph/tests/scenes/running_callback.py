"""A plain callback blocks the loop: no task runs, though the thread does."""
import asyncio

import truth


class Handler:
    def called(self, value):
        truth.block()


async def child():
    truth.mark("child")
    asyncio.get_running_loop().call_soon(Handler().called, 1)
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.ensure_future(child())


truth.awaits("main", "child", "await")
truth.state("main", "waiting")
truth.run(main)
