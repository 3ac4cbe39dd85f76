"""One task of three thousand coroutine frames."""
import asyncio
import sys
import threading

import truth

DEPTH = 3000


async def descend(depth):
    await (descend(depth - 1) if depth else truth.forever())


async def main():
    truth.mark("main")
    await descend(DEPTH - 2)


sys.setrecursionlimit(100_000)
threading.stack_size(512 * 1024 * 1024)
truth.stack("main", *["descend"] * (DEPTH - 1), "main")
truth.when(lambda: "main" in truth._marks)
truth.watch()
thread = threading.Thread(target=lambda: asyncio.run(main()))
thread.start()
thread.join()
