"""Queues: their size, their bound, and who is at the other end."""
import asyncio

import truth


class Pipeline:
    def __init__(self):
        self.jobs = asyncio.Queue()


async def takes(label, queue):
    truth.mark(label)
    await queue.get()


async def fills(queue):
    truth.mark("fills")
    while True:
        await queue.put(1)


async def rests_and_fills(queue):
    truth.mark("rests and fills")
    await truth.forever()
    await queue.put(1)


async def rests_and_takes(queue):
    truth.mark("rests and takes")
    await truth.forever()
    queue.get_nowait()


async def joins(queue):
    truth.mark("joins")
    await queue.join()


async def takes_of_pipeline(pipeline):
    truth.mark("takes of pipeline")
    await pipeline.jobs.get()


async def main():
    truth.mark("main")
    empty, full, pipeline = asyncio.Queue(), asyncio.PriorityQueue(2), Pipeline()
    children = {
        "first": takes("first", empty),
        "second": takes("second", empty),
        "rests and fills": rests_and_fills(empty),
        "fills": fills(full),
        "rests and takes": rests_and_takes(full),
        "joins": joins(full),
        "takes of pipeline": takes_of_pipeline(pipeline),
    }
    known = dict(
        end="get", id=empty, name="queue", size=0, bound=None, getters=2, putters=0,
        others=["rests and fills"],
    )
    truth.waits("first", "queue", **known)
    truth.waits("second", "queue", **known)
    known = dict(id=full, name="queue", size=2, bound=2, getters=0, putters=1)
    truth.waits("fills", "queue", end="put", others=["rests and takes"], **known)
    truth.waits("joins", "queue", end="join", **known)
    truth.waits("takes of pipeline", "queue", end="get", id=pipeline.jobs, name="Pipeline.jobs")
    for label in children:
        truth.awaits("main", label, "gather")
    await asyncio.gather(*children.values())


truth.run(main)
