"""Lock, Event, Condition, Semaphore, Queue, sleep: waits that no task stands behind."""
import asyncio

import truth


async def lock(lock):
    truth.mark("lock")
    async with lock:
        pass


async def event():
    truth.mark("event")
    await asyncio.Event().wait()


async def condition():
    truth.mark("condition")
    condition = asyncio.Condition()
    async with condition:
        await condition.wait_for(lambda: False)


async def semaphore():
    truth.mark("semaphore")
    semaphore = asyncio.Semaphore(1)
    async with semaphore:
        await semaphore.acquire()


async def get():
    truth.mark("get")
    await asyncio.Queue().get()


async def put():
    truth.mark("put")
    queue = asyncio.Queue(1)
    await queue.put(1)
    await queue.put(2)


async def join():
    truth.mark("join")
    queue = asyncio.Queue()
    await queue.put(1)
    await queue.join()


async def sleep():
    truth.mark("sleep")
    await asyncio.sleep(3600)


async def main():
    truth.mark("main")
    held = asyncio.Lock()
    async with held:
        await asyncio.gather(
            lock(held), event(), condition(), semaphore(), get(), put(), join(), sleep()
        )


for label in ("lock", "event", "condition", "semaphore", "get", "put", "join", "sleep"):
    truth.awaits("main", label, "gather")
truth.run(main)
