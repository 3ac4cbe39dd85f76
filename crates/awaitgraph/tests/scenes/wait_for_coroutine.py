"""wait_for around a coroutine: a task of its own to 3.11, the same task from 3.12."""
import asyncio
import sys

import truth


async def child():
    truth.mark("child" if sys.version_info < (3, 12) else "main")
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.wait_for(child(), 3600)


if sys.version_info < (3, 12):
    truth.awaits("main", "child", "wait_for")
    truth.stack("child", "child")
    truth.stack("main", "wait_for", "main")
else:
    truth.stack("main", "child", "wait_for", "main")
truth.run(main)
