"""What is waited for within a time limit: when that ends."""
import asyncio
import time

import truth


async def limited(event):
    truth.mark("limited")
    await event.wait()


async def limits(event):
    truth.mark("limits")
    inner = asyncio.ensure_future(limited(event))
    truth.waits("limited", "event", deadline=lambda: times["limits"])
    times["limits"] = time.monotonic() + 600
    truth.limit("limits", times["limits"])
    await asyncio.wait_for(inner, 600)


async def of_coroutine(event):
    # To 3.11 `wait_for` has a task of its own for the coroutine.
    truth.mark("of coroutine")
    times["of coroutine"] = time.monotonic() + 700
    await asyncio.wait_for(waits(event), 700)


async def waits(event):
    truth.mark("waits") if not inline else None
    await event.wait()


async def inside_condition():
    truth.mark("inside condition")
    condition = asyncio.Condition()
    known = dict(id=condition, value=0, waiting=1, holders=[])
    if inline:
        truth.waits("inside condition", "condition", **known)
    else:
        truth.awaits("inside condition", "is notified", "wait_for")
        truth.waits("is notified", "condition", **known)
    async with condition:
        await asyncio.wait_for(is_notified(condition), 600)


async def is_notified(condition):
    truth.mark("is notified") if not inline else None
    await condition.wait()


async def notified(condition):
    truth.mark("notified")
    async with condition:
        times["notified"] = time.monotonic() + 750
        await asyncio.wait_for(only_waits(condition), 750)


async def only_waits(condition):
    # To 3.11 another task than the one that is inside of the condition.
    truth.mark("only waits") if not inline else None
    await condition.wait()


async def holds(condition):
    truth.mark("holds")
    async with condition:
        await truth.forever()


async def of_future():
    truth.mark("of future")
    future = truth.forever()
    kept.append(future)
    truth.waits("of future", "future", deadline=time.monotonic() + 800)
    await asyncio.wait_for(future, 800)


async def nested(event):
    truth.mark("nested")
    async with asyncio.timeout(2000):
        truth.waits("nested", "event", deadline=time.monotonic() + 900)
        async with asyncio.timeout(900):
            # Without a limit of its own.
            async with asyncio.timeout(None):
                await event.wait()


async def outer_first(event):
    truth.mark("outer first")
    truth.waits("outer first", "event", deadline=time.monotonic() + 400)
    async with asyncio.timeout(400):
        async with asyncio.timeout(5000):
            await event.wait()


async def outer_of_wait_for(event):
    truth.mark("outer of wait_for")
    times["outer"] = time.monotonic() + 450
    async with asyncio.timeout(450):
        await asyncio.wait_for(waits_within(event), 5000)


async def waits_within(event):
    truth.mark("waits within") if not inline else None
    await event.wait()


async def cleans_up(event):
    truth.mark("cleans up")
    async with asyncio.timeout(0):
        try:
            await event.wait()
        finally:
            async with asyncio.timeout(5000):
                # The outer one has run out, and cancels no more.
                async with asyncio.timeout(500):
                    truth.waits("cleans up", "event", deadline=time.monotonic() + 500)
                    await event.wait()


async def awaits(label, timeout, when):
    truth.mark(label)
    async with asyncio.timeout(1000):
        async with asyncio.timeout(timeout):
            truth.limit(label, time.monotonic() + when)
            await asyncio.gather(other(label + ", other"))


async def in_time(label):
    truth.mark(label)
    truth.limit(label, time.monotonic() + 500)
    await asyncio.wait({asyncio.ensure_future(other(label + ", other"))}, timeout=500)


async def at_any_time(label):
    truth.mark(label)
    truth.limit(label, None)
    await asyncio.wait({asyncio.ensure_future(other(label + ", other"))})


async def other(label):
    truth.mark(label)
    await truth.forever()


async def without():
    truth.mark("without")
    async with asyncio.timeout(None):
        truth.waits("without", "sleep", deadline=None)
        await asyncio.sleep(900)


def is_inline():
    import inspect

    return "timeout_handle" not in inspect.getsource(asyncio.wait_for)


async def main():
    truth.mark("main")
    event, condition = asyncio.Event(), asyncio.Condition()
    children = {
        "limits": limits(event),
        "of coroutine": of_coroutine(event),
        "of future": of_future(),
        "inside condition": inside_condition(),
        "notified": notified(condition),
        "holds": holds(condition),
    }
    truth.awaits("limits", "limited", "wait_for")
    known = dict(id=event, name="event", deadline=lambda: times["of coroutine"])
    if inline:
        truth.waits("of coroutine", "event", **known)
    else:
        truth.awaits("of coroutine", "waits", "wait_for")
        truth.waits("waits", "event", **known)
    known = dict(id=condition, value=1, waiting=1, holders=["holds"], deadline=lambda: times["notified"])
    if not inline:
        truth.awaits("notified", "only waits", "wait_for")
    truth.waits("notified" if inline else "only waits", "condition", **known)
    for label, make in ("in time", in_time), ("at any time", at_any_time):
        children[label] = make(label)
        truth.awaits(label, label + ", other", "wait")
    if hasattr(asyncio, "timeout"):
        children["awaits"] = awaits("awaits", 900, 900)
        children["awaits without"] = awaits("awaits without", None, 1000)
        for label in ("awaits", "awaits without"):
            truth.awaits(label, label + ", other", "gather")
        children["nested"] = nested(event)
        children["without"] = without()
        children["outer first"] = outer_first(event)
        children["cleans up"] = cleans_up(event)
        children["outer of wait_for"] = outer_of_wait_for(event)
        within = "outer of wait_for" if inline else "waits within"
        truth.waits(within, "event", deadline=lambda: times["outer"])
        if not inline:
            truth.awaits("outer of wait_for", "waits within", "wait_for")
    for label in children:
        truth.awaits("main", label, "gather")
    await asyncio.gather(*children.values())


inline = is_inline()
times, kept = {}, []
truth.run(main)
