"""Locks that are released by hand inside of their `async with`: who has them then is not on record, and nothing is a deadlock."""
import asyncio
import contextlib

import truth


class Owner:
    """Has a lock, and in the middle of its `async with` lets go of it."""

    def __init__(self, lock):
        self.lock = lock

    async def lets_go(self, label, other):
        truth.mark(label)
        async with self.lock:
            self.lock.release()
            async with other:
                pass

    async def takes(self, label):
        truth.mark(label)
        await self.lock.acquire()
        await truth.forever()


class Lent(asyncio.Lock):
    """Takes and lets go in methods of its own."""

    async def acquire(self):
        return await super().acquire()

    async def lend(self, wait):
        self.release()
        await wait()
        await self.acquire()


class Pool:
    async def acquire(self):
        return object()

    def release(self, connection):
        pass


class Store:
    """Has a lock, and a pool that has a `release` too."""

    def __init__(self):
        self.lock = asyncio.Lock()
        self.pool = Pool()

    async def updates(self, label):
        truth.mark(label)
        async with self.lock:
            connection = await self.pool.acquire()
            try:
                await truth.forever()
            finally:
                self.pool.release(connection)


async def lets_go(label, lock, other):
    truth.mark(label)
    async with lock:
        lock.release()
        async with other:
            pass


async def takes(label, lock):
    truth.mark(label)
    await lock.acquire()
    await truth.forever()


async def is_inside(label, lock):
    truth.mark(label)
    async with lock:
        await truth.forever()


async def wants(label, other, lock):
    """Has what the one that let go waits for."""
    truth.mark(label)
    async with other:
        for _ in range(5):
            await asyncio.sleep(0)
        async with lock:
            pass


async def enter(other):
    async with other:
        pass


async def gives_back(lock, other):
    lock.release()
    await enter(other)
    await lock.acquire()


async def lends(label, lock, other):
    truth.mark(label)
    async with lock:
        await gives_back(lock, other)


@contextlib.asynccontextmanager
async def without(lock):
    lock.release()
    try:
        yield
    finally:
        await lock.acquire()


class Without:
    def __init__(self, lock):
        self.lock = lock

    async def __aenter__(self):
        self.lock.release()

    async def __aexit__(self, *error):
        await self.lock.acquire()


async def lends_meanwhile(label, guard, lock, other):
    truth.mark(label)
    async with lock:
        async with guard(lock):
            await enter(other)


async def is_limited(label, limit, lock):
    """Takes one by hand, and is inside of another."""
    truth.mark(label)
    await limit.acquire()
    try:
        async with lock:
            await truth.forever()
    finally:
        limit.release()


async def takes_back(lock):
    lock.release()
    await asyncio.sleep(0)
    await lock.acquire()


async def lends_briefly(label, lock):
    truth.mark(label)
    async with lock:
        await takes_back(lock)


async def lends_itself(label, lent, other):
    truth.mark(label)
    async with lent:
        await lent.lend(lambda: enter(other))


async def lets_go_of_global(label, other):
    truth.mark(label)
    async with shared:
        shared.release()
        async with other:
            pass


async def is_robbed(label, lock, other):
    truth.mark(label)
    async with lock:
        await asyncio.sleep(0)
        async with other:
            pass


async def robs(label, lock):
    truth.mark(label)
    lock.release()
    await truth.forever()
    lock.release()


async def waits_in_gather(label, condition):
    truth.mark(label)
    async with condition:
        await asyncio.gather(is_notified(label + ", child", condition))


async def is_notified(label, condition):
    truth.mark(label)
    await condition.wait()


def circle(label, lock, one, two=takes, holders=()):
    """Three that would be a circle if the first of them still had the lock."""
    other = asyncio.Lock()
    first, second, third = label, label + ", next", label + ", wants"
    truth.waits(first, "lock", id=other, holders=[third])
    kind = "semaphore" if isinstance(lock, asyncio.Semaphore) else "lock"
    truth.waits(third, kind, id=lock, holders=list(holders))
    for child in (first, second, third):
        truth.awaits("main", child, "gather")
    return [wants(third, other, lock), one(first, other), two(second, lock)]


async def main():
    global shared
    truth.mark("main")
    children = []

    def with_lock(label, function, **details):
        lock = asyncio.Lock()
        one = lambda label, other: function(label, lock, other)
        children.extend(circle(label, lock, one, **details))

    with_lock("variable", lets_go)
    with_lock("helper", lends)
    for guard in (without, Without):
        with_lock(
            guard.__name__,
            lambda label, lock, other, guard=guard: lends_meanwhile(label, guard, lock, other),
        )
    with_lock("robbed", is_robbed, two=robs_then_takes)
    with_lock("two inside", lets_go, two=is_inside, holders=["two inside, next"])

    owner = Owner(asyncio.Lock())
    children += circle(
        "attribute", owner.lock, owner.lets_go, two=lambda label, lock: owner.takes(label)
    )
    lent = Lent()
    children += circle(
        "subclass", lent, lambda label, other: lends_itself(label, lent, other)
    )
    shared = asyncio.Lock()
    children += circle("global", shared, lets_go_of_global)
    for kind in (asyncio.Semaphore, asyncio.BoundedSemaphore):
        semaphore = kind(1)
        children += circle(
            kind.__name__, semaphore,
            lambda label, other, semaphore=semaphore: lets_go(label, semaphore, other),
        )

    brief = asyncio.Lock()
    children += [lends_briefly("brief", brief), takes("brief, next", brief)]
    truth.waits("brief", "lock", id=brief, holders=[])

    # One that has let go of a condition by a task of its own does not have its lock.
    lock = asyncio.Lock()
    condition = asyncio.Condition(lock)
    children += [
        waits_in_gather("gathers", condition),
        is_inside("inside lock", lock),
        wants("wants lock", asyncio.Lock(), lock),
    ]
    truth.waits("wants lock", "lock", id=lock, holders=["inside lock"])
    truth.waits("gathers, child", "condition", id=condition, holders=["inside lock"])
    truth.awaits("gathers", "gathers, child", "gather")

    # What has a `release` need not be the lock.
    store = Store()
    children += [store.updates("updates"), store.updates("updates next")]
    truth.waits("updates next", "lock", id=store.lock, name="Store.lock", holders=["updates"])

    limit, lock = asyncio.Semaphore(3), asyncio.Lock()
    for label in ("limited", "limited next"):
        children.append(is_limited(label, limit, lock))
    truth.waits("limited next", "lock", id=lock, holders=["limited"])

    for child in (
        "limited", "limited next",
        "brief", "brief, next", "gathers", "inside lock", "wants lock", "updates", "updates next"
    ):
        truth.awaits("main", child, "gather")
    await asyncio.gather(*children)


async def robs_then_takes(label, lock):
    truth.mark(label)
    await asyncio.sleep(0)
    await asyncio.gather(robs(label + ", robs", lock), takes(label + ", takes", lock))


for child in ("robbed, next, robs", "robbed, next, takes"):
    truth.awaits("robbed, next", child, "gather")
shared = None
truth.run(main)
