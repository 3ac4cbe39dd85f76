"""A queue into which a task will put something that is just putting into another."""
import asyncio
import time

import truth


class Slow(asyncio.Queue):
    # One frame, which lies where that of `put` does at rest.
    @truth.blocks
    def put_nowait(self, item): time.sleep(3600)


async def relays(slow, queue):
    truth.mark("relays")
    await parked.wait()
    await slow.put(1)
    await queue.put(1)


async def takes(queue):
    truth.mark("takes")
    await queue.get()


async def main():
    truth.mark("main")
    global parked
    parked = asyncio.Event()
    slow, queue = Slow(), asyncio.Queue()
    truth.waits("takes", "queue", end="get", id=queue, others=["relays"])
    asyncio.get_running_loop().call_later(0.05, parked.set)
    await asyncio.gather(relays(slow, queue), takes(queue))


for label in ("relays", "takes"):
    truth.awaits("main", label, "gather")
truth.run(main)
