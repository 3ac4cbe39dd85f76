"""A process that forks thirty others, each with tasks of its own: many targets for one start."""
import asyncio
import os

import truth

COUNT = 30


async def child(number):
    truth.current().set_name("child %d" % number)
    await truth.forever()


async def main(ready):
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(child(number)) for number in range(300)]
    loop.call_soon(loop.call_soon, stay, ready)
    await asyncio.gather(*tasks)


def stay(ready):
    os.write(ready, b"1")
    truth.stay()


pids = []
ready, each = os.pipe()
for _ in range(COUNT):
    pid = os.fork()
    if not pid:
        asyncio.run(main(each))
    pids.append(pid)
for _ in pids:
    os.read(ready, 1)
truth.report({"pids": pids})
truth.stay()
