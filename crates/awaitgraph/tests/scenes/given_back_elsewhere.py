"""Circles of tasks that something else ends: a timer, a callback, a thread. No deadlock."""
import asyncio
import threading

import truth


class Limiter:
    def __init__(self):
        self.limit, self.lock = asyncio.Semaphore(2), asyncio.Lock()

    def give_back(self):
        self.limit.release()

    async def takes(self):
        await self.limit.acquire()
        asyncio.get_running_loop().call_later(3600, self.give_back)


class Service:
    """One that has the limiter, and a method that has it give back."""

    def __init__(self, limiter):
        self.limiter = limiter

    def on_line(self):
        self.limiter.give_back()


class Mailbox:
    def __init__(self):
        self.mails = asyncio.Queue(1)

    def empty(self):
        while not self.mails.empty():
            self.mails.get_nowait()


async def inside(label, limit, lock):
    truth.mark(label)
    async with limit:
        await asyncio.sleep(0.01)
        async with lock:
            pass


async def enters(label, limit, lock):
    truth.mark(label)
    async with lock:
        await asyncio.sleep(0.005)
        async with limit:
            pass


def circle(label, limit, lock):
    truth.awaits("main", label, "gather")
    truth.awaits("main", label + " enters", "gather")
    return [inside(label, limit, lock), enters(label + " enters", limit, lock)]


async def takes_for_a_time(limit):
    await limit.acquire()
    asyncio.get_running_loop().call_later(3600, limit.release)


async def takes_for_a_task(limit):
    async def works():
        truth.mark("works")
        await truth.forever()

    await limit.acquire()
    task = asyncio.ensure_future(works())
    task.add_done_callback(lambda _: limit.release())
    kept.append(task)


def listens(limiter, loop):
    service = Service(limiter)
    truth.block()
    loop.call_soon_threadsafe(service.on_line)


async def writes(label, mails):
    truth.mark(label)
    while True:
        await mails.put(1)


async def reads(label, mails, writer):
    truth.mark(label)
    await mails.get()
    await writer


async def joins(label, mails, lock):
    truth.mark(label)
    async with lock:
        await mails.put(1)
        await mails.join()


async def works_later(label, mails, lock):
    truth.mark(label)
    while True:
        await mails.get()
        asyncio.get_running_loop().call_later(3600, mails.task_done)
        async with lock:
            pass


def queue(label, mails):
    writer = asyncio.ensure_future(writes(label + " writes", mails))
    truth.awaits(label, label + " writes", "await")
    truth.awaits("main", label, "gather")
    return [reads(label, mails, writer)]


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    limits = [asyncio.Semaphore(2) for _ in range(2)]
    limiters = [Limiter() for _ in range(2)]
    await takes_for_a_time(limits[0])
    await takes_for_a_task(limits[1])
    await limiters[0].takes()
    await limiters[1].limit.acquire()
    threading.Thread(target=listens, args=(limiters[1], loop), daemon=True).start()
    mailboxes = [Mailbox() for _ in range(2)]
    loop.call_later(3600, mailboxes[0].empty)
    loop.call_later(3600, mailboxes[1].mails.get_nowait)
    mails, lock = asyncio.Queue(), asyncio.Lock()
    truth.awaits("main", "joins", "gather")
    truth.awaits("main", "works later", "gather")
    await asyncio.gather(
        *circle("timer", limits[0], asyncio.Lock()),
        *circle("callback", limits[1], asyncio.Lock()),
        *circle("method", limiters[0].limit, limiters[0].lock),
        *circle("thread", limiters[1].limit, limiters[1].lock),
        *queue("by method", mailboxes[0].mails),
        *queue("by queue", mailboxes[1].mails),
        joins("joins", mails, lock),
        works_later("works later", mails, lock),
    )


kept = []
truth.run(main)
