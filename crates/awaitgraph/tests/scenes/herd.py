"""A process that forks thirty copies of itself while its tasks wait: many targets for one start.

From inside a callback, so that each copy has the same tasks, and blocks in it.
"""
import asyncio
import json
import os

import truth

COUNT = 30


async def child(number):
    asyncio.current_task().set_name("child %d" % number)
    await truth.forever()


async def main():
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(child(number)) for number in range(300)]
    loop.call_soon(loop.call_soon, fork)
    await asyncio.gather(*tasks)


def fork():
    pids = []
    ready, each = os.pipe()
    for _ in range(COUNT):
        pid = os.fork()
        if not pid:
            os.write(each, b"1")
            truth.stay()
        pids.append(pid)
    for _ in pids:
        os.read(ready, 1)
    truth.report({"pids": pids})
    truth.stay()


asyncio.run(main())
