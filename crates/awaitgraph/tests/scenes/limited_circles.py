"""Tasks that hold each other's locks, one of which gives up in time: no deadlock."""
import asyncio
import sys

import truth


async def crosses(label, mine, other):
    truth.mark(label)
    async with mine:
        await asyncio.sleep(0.01)
        async with other:
            pass


async def crosses_patiently(label, mine, other):
    truth.mark(label)
    async with mine:
        await asyncio.sleep(0.01)
        await asyncio.wait_for(take(label, other), 3600)


async def take(label, lock):
    if sys.version_info < (3, 12):
        # It has a task of its own.
        truth.mark("for " + label)
        truth.awaits(label, "for " + label, "wait_for")
    async with lock:
        pass


async def crosses_in_time(label, mine, other):
    truth.mark(label)
    async with asyncio.timeout(3600):
        async with mine:
            await asyncio.sleep(0.01)
            async with other:
                pass


async def holds_and_gathers(lock):
    truth.mark("holds and gathers")
    async with lock:
        async with asyncio.timeout(3600):
            truth.awaits("holds and gathers", "wants", "gather")
            await asyncio.gather(wants(lock))


async def holds_and_waits(lock):
    truth.mark("holds and waits")
    async with lock:
        truth.awaits("holds and waits", "also wants", "wait")
        await asyncio.wait([asyncio.ensure_future(also_wants(lock))], timeout=3600)


async def wants(lock):
    truth.mark("wants")
    async with lock:
        pass


async def also_wants(lock):
    truth.mark("also wants")
    async with lock:
        pass


async def main():
    truth.mark("main")
    children = [holds_and_waits(asyncio.Lock())]
    labels = ["holds and waits"]

    def pair(name, first):
        a, b = asyncio.Lock(), asyncio.Lock()
        for label, function, locks in ((name, first, (a, b)), ("other " + name, crosses, (b, a))):
            labels.append(label)
            children.append(function(label, *locks))

    pair("patient", crosses_patiently)
    if sys.version_info >= (3, 11):
        pair("in time", crosses_in_time)
        labels.append("holds and gathers")
        children.append(holds_and_gathers(asyncio.Lock()))
    for label in labels:
        truth.awaits("main", label, "gather")
    await asyncio.gather(*children)


truth.run(main)
