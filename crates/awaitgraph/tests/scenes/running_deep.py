"""A task blocks ten thousand synchronous calls deep."""
import asyncio
import sys
import threading

import truth

DEPTH = 10_000


def descend(depth):
    if depth:
        descend(depth - 1)
    else:
        truth.block()


async def main():
    truth.mark("main")
    descend(DEPTH)


sys.setrecursionlimit(100_000)
threading.stack_size(512 * 1024 * 1024)
truth.state("main", "running")
truth.stack("main", "block", *["descend"] * (DEPTH + 1), "main")
truth.when(lambda: "main" in truth._marks)
truth.watch()
thread = threading.Thread(target=lambda: asyncio.run(main()))
thread.start()
thread.join()
