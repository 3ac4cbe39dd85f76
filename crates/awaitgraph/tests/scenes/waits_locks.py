"""Locks, semaphores, conditions and events: which one, its name, and who holds it."""
import asyncio
import contextlib

import truth


class Pool:
    def __init__(self):
        self.lock = asyncio.Lock()


class Openable(Pool):
    def open(self):
        self.lock.release()


class Stricter(asyncio.Lock):
    async def acquire(self):
        return await super().acquire()


async def holds(label, lock):
    truth.mark(label)
    async with lock:
        await truth.forever()


async def waits(label, lock):
    truth.mark(label)
    async with lock:
        pass


async def waits_for_pool(label, pool):
    truth.mark(label)
    async with pool.lock:
        pass


async def holds_by_stack(lock):
    truth.mark("by stack")
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(lock)
        await truth.forever()


@contextlib.asynccontextmanager
async def managed(lock):
    async with lock:
        yield


async def holds_by_manager(lock):
    truth.mark("by manager")
    async with managed(lock):
        await truth.forever()


async def holds_by_manager_in_stack(lock):
    truth.mark("by manager in stack")
    async with contextlib.AsyncExitStack() as outer:
        stack = await outer.enter_async_context(contextlib.AsyncExitStack())
        await stack.enter_async_context(managed(lock))
        await truth.forever()


async def rows(lock):
    async with lock:
        yield 1


async def holds_by_generator(lock):
    truth.mark("by generator")
    async for _ in rows(lock):
        await truth.forever()


async def acquires(lock):
    truth.mark("acquires")
    await lock.acquire()
    await truth.forever()


async def takes_and_ends(lock):
    await lock.acquire()


async def takes_and_releases(lock):
    truth.mark("takes and releases")
    await lock.acquire()
    try:
        await truth.forever()
    finally:
        lock.release()


async def opens(semaphore):
    truth.mark("opens")
    await truth.forever()
    semaphore.release()


def free(lock):
    lock.release()


async def takes_and_frees(lock):
    truth.mark("takes and frees")
    await lock.acquire()
    try:
        await truth.forever()
    finally:
        free(lock)


async def waits_for_set(event):
    truth.mark("event")
    await event.wait()


async def notified(label, condition):
    truth.mark(label)
    async with condition:
        await condition.wait()


async def tells(condition):
    truth.mark("teller")
    async with condition:
        condition.notify()
        await truth.forever()


async def enters(label, condition):
    truth.mark(label)
    async with condition:
        pass


async def enters_by_hand(outer, inner):
    truth.mark("enters by hand")
    async with outer:
        return [inner, await inner.__aenter__()]


async def main():
    truth.mark("main")
    children = []

    def child(coroutine, label, *waiting, **details):
        children.append(coroutine)
        truth.awaits("main", label, "gather")
        if waiting:
            truth.waits(label, *waiting, **details)

    lock = asyncio.Lock()
    child(holds("holder", lock), "holder")
    known = dict(id=lock, name="lock", value=1, waiting=2, holders=["holder"], abandoned=None)
    child(waits("first", lock), "first", "lock", **known)
    child(waits("second", lock), "second", "lock", **known)

    pool = Pool()
    child(holds("holder of pool", pool.lock), "holder of pool")
    child(
        waits_for_pool("in pool", pool), "in pool",
        "lock", id=pool.lock, name="Pool.lock", holders=["holder of pool"],
    )

    for label, make in (
        ("by stack", holds_by_stack),
        ("by manager", holds_by_manager),
        ("by manager in stack", holds_by_manager_in_stack),
        ("by generator", holds_by_generator),
    ):
        other = Stricter() if label == "by manager" else asyncio.Lock()
        child(make(other), label)
        child(waits("after " + label, other), "after " + label, "lock", id=other, holders=[label])

    taken = asyncio.Lock()
    child(acquires(taken), "acquires")
    child(waits("bare", taken), "bare", "lock", id=taken, name="lock", value=1, holders=[])

    released = asyncio.Lock()
    child(takes_and_releases(released), "takes and releases")
    child(waits("patient", released), "patient", "lock", id=released, holders=[], abandoned=None)

    freed = asyncio.Lock()
    child(takes_and_frees(freed), "takes and frees")
    child(waits("just as patient", freed), "just as patient", "lock", id=freed, holders=[], abandoned=None)

    left = asyncio.Lock()
    await takes_and_ends(left)
    for label in ("hopeless", "also hopeless"):
        child(waits(label, left), label, "lock", value=1, waiting=2, abandoned=True)

    spent = asyncio.Semaphore(1)
    await takes_and_ends(spent)
    child(waits("spent", spent), "spent", "semaphore", value=0, waiting=1, abandoned=True)

    shut = asyncio.Semaphore(0)
    child(opens(shut), "opens")
    child(waits("shut", shut), "shut", "semaphore", value=0, waiting=1, abandoned=None)

    private = Pool()
    await takes_and_ends(private.lock)
    child(
        waits_for_pool("of a pool", private), "of a pool",
        "lock", name="Pool.lock", value=1, abandoned=True,
    )

    opening = Openable()
    await takes_and_ends(opening.lock)
    child(
        waits_for_pool("may be opened", opening), "may be opened",
        "lock", name="Openable.lock", value=1, abandoned=None,
    )

    public = Pool()
    await takes_and_ends(public.lock)
    kept.append(public)
    child(waits("hopeful", public.lock), "hopeful", "lock", value=1, abandoned=None)

    semaphore = asyncio.Semaphore(2)
    bounded = asyncio.BoundedSemaphore(1)
    child(holds("one", semaphore), "one")
    child(holds("other", semaphore), "other")
    child(
        waits("third", semaphore), "third",
        "semaphore", id=semaphore, value=0, waiting=1, bound=None, holders=["one", "other"],
    )
    child(holds("bounded holder", bounded), "bounded holder")
    child(
        waits("bounded", bounded), "bounded",
        "semaphore", id=bounded, value=0, bound=1, holders=["bounded holder"],
    )

    outer, inner = asyncio.Lock(), asyncio.Lock()
    child(holds("holder of inner", inner), "holder of inner")
    child(
        enters_by_hand(outer, inner), "enters by hand",
        "lock", id=inner, value=1, holders=["holder of inner"],
    )
    child(waits("waits for outer", outer), "waits for outer", "lock", id=outer, holders=["enters by hand"])

    three = asyncio.Semaphore(3)
    inside = ["inside %d" % number for number in range(3)]
    for label in inside:
        child(holds(label, three), label)
    child(waits("fourth", three), "fourth", "semaphore", value=0, waiting=1, holders=inside)

    event = asyncio.Event()
    child(
        waits_for_set(event), "event",
        "event", id=event, name="event", value=0, waiting=1, holders=[],
    )

    idle = asyncio.Condition()
    child(
        notified("idle", idle), "idle",
        "condition", id=idle, name="condition", value=0, waiting=1, holders=[],
    )
    busy = asyncio.Condition()
    for label in ("busy", "as busy"):
        child(
            notified(label, busy), label,
            "condition", id=busy, value=1, waiting=2, holders=["holder of busy"], entering=None,
        )
    child(holds("holder of busy", busy), "holder of busy")
    for label in ("enters", "also enters"):
        child(
            enters(label, busy), label,
            "condition", id=busy, value=1, waiting=2, holders=["holder of busy"], entering=True,
        )

    told = asyncio.Condition()
    child(
        notified("told", told), "told",
        "condition", id=told, value=1, waiting=1, holders=["teller"], entering=True,
    )
    child(tells(told), "teller")
    await asyncio.gather(*children)


kept = []
truth.run(main)
