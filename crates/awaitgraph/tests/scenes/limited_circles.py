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


async def holds_and_completes(lock):
    truth.mark("holds and completes")
    async with lock:
        truth.awaits("holds and completes", "wants to complete", "as_completed")
        task = asyncio.ensure_future(wants_to_complete(lock))
        for first in asyncio.as_completed([task], timeout=3600):
            await first


async def wants_to_complete(lock):
    truth.mark("wants to complete")
    async with lock:
        pass


def cancels_by_timer(how):
    async def crosses_until_cancelled(label, mine, other):
        truth.mark(label)
        how(asyncio.get_running_loop(), asyncio.current_task())
        async with mine:
            await asyncio.sleep(0.01)
            async with other:
                pass

    return crosses_until_cancelled


def by_method(loop, task):
    loop.call_later(3600, task.cancel)


def by_function(loop, task):
    loop.call_later(3600, lambda: task.cancel())


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
    children = [holds_and_waits(asyncio.Lock()), holds_and_completes(asyncio.Lock())]
    labels = ["holds and waits", "holds and completes"]

    def pair(name, first):
        a, b = asyncio.Lock(), asyncio.Lock()
        for label, function, locks in ((name, first, (a, b)), ("other " + name, crosses, (b, a))):
            labels.append(label)
            children.append(function(label, *locks))

    pair("patient", crosses_patiently)
    pair("cancelled", cancels_by_timer(by_method))
    pair("cancelled by function", cancels_by_timer(by_function))
    if sys.version_info >= (3, 11):
        pair("in time", crosses_in_time)
        labels.append("holds and gathers")
        children.append(holds_and_gathers(asyncio.Lock()))
    for label in labels:
        truth.awaits("main", label, "gather")
    await asyncio.gather(*children)


truth.run(main)
