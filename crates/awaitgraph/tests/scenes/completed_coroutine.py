"""A coroutine has returned, its task is not done: a local's destructor blocks. Its stack is empty."""
import asyncio

import truth


class Local:
    def __del__(self):
        truth.block()


async def child():
    truth.mark("child")
    local = Local()
    return 1


async def main():
    truth.mark("main")
    await asyncio.ensure_future(child())


truth.awaits("main", "child", "await")
truth.state("child", "running")
truth.stack("child")
truth.run(main)
