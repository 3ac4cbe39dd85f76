"""Tasks in the same functions, of which each waits for another thing, or longer, or in another way."""
import asyncio
import contextlib
import time

import truth

ROUNDS = 3


class Part:
    def __init__(self):
        self.lock = asyncio.Lock()
        self.work = asyncio.Queue()
        self.ready = asyncio.Event()
        self.changed = asyncio.Condition()


async def waits_for_lock(part):
    async with part.lock:
        pass


async def waits_for_work(part):
    await part.work.get()


async def waits_until_ready(part):
    await part.ready.wait()


async def is_notified(part):
    async with part.changed:
        await part.changed.wait()


async def enters(part):
    # In the same class and function as who enters a lock, but for the object.
    async with part.changed:
        pass


async def holds(label, part):
    truth.mark(label)
    async with part.lock:
        await truth.forever()


async def enters_and_stays(label, part):
    truth.mark(label)
    async with part.changed:
        await truth.forever()


async def sleeps(seconds):
    await asyncio.sleep(seconds)


async def hides_its_timer(seconds):
    # Its timer is where another sleep has nothing yet.
    with contextlib.suppress(ValueError):
        await asyncio.sleep(seconds)


async def waits_by_itself(event):
    await event.wait()


async def main():
    truth.mark("main")
    parts = [Part(), Part()]
    tasks = []

    def add(label, coroutine, kind, **known):
        tasks.append(truth.child("main", label, coroutine, kind, **known))

    for number, part in enumerate(parts):
        tasks.append(asyncio.ensure_future(holds("holds %d" % number, part)))
        truth.awaits("main", "holds %d" % number, "gather")
    await asyncio.sleep(0)
    # Part by part in turns, and two of the same one after the other.
    for number, part in enumerate(parts * ROUNDS + [parts[0], parts[0], parts[1], parts[1]]):
        holder = "holds %d" % parts.index(part)
        add("lock %d" % number, waits_for_lock(part), "lock", id=part.lock, holders=[holder])
        add("queue %d" % number, waits_for_work(part), "queue", id=part.work, name="Part.work")
        add("event %d" % number, waits_until_ready(part), "event", id=part.ready, name="Part.ready")
        add("change %d" % number, is_notified(part), "condition", id=part.changed, entering=None)
        seconds = 600.25 + 100 * number
        left = time.monotonic() + seconds
        add("sleep %d" % number, sleeps(seconds), "sleep", left=left, deadline=None)
        add("hidden %d" % number, hides_its_timer(seconds), "sleep", left=left, deadline=None)
        own = asyncio.Event()
        add("own %d" % number, waits_by_itself(own), "event", id=own, waiting=1, name="event")
    await asyncio.sleep(0)
    for number, part in enumerate(parts):
        stays = "stays %d" % number
        tasks.append(asyncio.ensure_future(enters_and_stays(stays, part)))
        truth.awaits("main", stays, "gather")
    await asyncio.sleep(0)
    for number, part in enumerate(parts * ROUNDS):
        holder = "stays %d" % parts.index(part)
        add("enter %d" % number, enters(part), "condition", id=part.changed, entering=True, holders=[holder])
    for number in range(4):
        # The same sleep, within a limit of its own or without one.
        seconds = 5000 + number
        left = time.monotonic() + seconds
        limit = left + 1000 if number % 2 else None
        add("limit %d" % number, sleeps(seconds), "sleep", left=left, deadline=limit)
        if limit:
            limited = asyncio.ensure_future(asyncio.wait_for(tasks[-1], seconds + 1000))
            truth.mark("limits %d" % number, limited)
            truth._edges.remove(("main", "limit %d" % number, "gather"))
            truth.awaits("limits %d" % number, "limit %d" % number, "wait_for")
            truth.awaits("main", "limits %d" % number, "gather")
            tasks[-1] = limited
    await asyncio.gather(*tasks)


truth.run(main)
