"""A hundred groups of ten workers that live 1 to 10 ms, again and again.

Each name tells whose child it is, how the group waits for it, and how deep its
stack is: `group 17 gather, worker 3, depth 2`.

`--loops=3`: in as many threads, each with a loop and its share of the groups.
"""
import asyncio
import os
import random
import threading

import truth

GROUPS = 100
SIZE = 10
LOOPS = int(truth.FLAVOURS.get("loops", "1"))
together = threading.Barrier(LOOPS)


async def worker(depth):
    await step(depth)


async def step(depth):
    if depth > 0:
        await step(depth - 1)
    else:
        await asyncio.sleep(random.uniform(0.001, 0.01))


async def group(name):
    loop = asyncio.get_running_loop()
    wait = asyncio.gather if "gather" in name else lambda *tasks: asyncio.wait(tasks)
    while True:
        tasks = []
        for number in range(SIZE):
            depth = random.randrange(4)
            child = "%s, worker %d, depth %d" % (name, number, depth)
            tasks.append(loop.create_task(worker(depth), name=child))
        await wait(*tasks)


async def main(share):
    loop = asyncio.get_running_loop()
    asyncio.current_task().set_name("main %d" % share)
    tasks = []
    for number in range(share, GROUPS, LOOPS):
        name = "group %d %s" % (number, ("gather", "wait")[number % 2])
        tasks.append(loop.create_task(group(name), name=name))
    await asyncio.sleep(0.05)
    truth.here(loop)
    together.wait()
    if share == 0:
        threading.Thread(target=serve, daemon=True).start()
    await asyncio.gather(*tasks)


def serve():
    truth.report({"pid": os.getpid()})
    truth.stay()


for share in range(1, LOOPS):
    threading.Thread(target=lambda share=share: asyncio.run(main(share)), daemon=True).start()
asyncio.run(main(0))
