"""Coroutines that Cython has compiled, as tasks and in the middle of a stack.

    compiled.py --compiled=FOLDER    where `compiled.so` is, made of `compiled.pyx`
"""
import asyncio
import importlib.util
import os

import truth

path = os.path.join(truth.FLAVOURS["compiled"], "compiled.so")
spec = importlib.util.spec_from_file_location("compiled", path)
compiled = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compiled)
first = compiled.no_awaits()
truth.stacks.file_of_compiled = first.cr_code.co_filename
first.close()


async def child(label):
    truth.mark(label)
    await truth.forever()


async def interpreted(awaitable):
    return await awaitable


async def awaits(awaitable):
    return await compiled.Awaitable(awaitable)


async def middle(awaitable):
    return await compiled.Box().method(interpreted, awaitable)


async def told(event):
    # What it has is more than its name for the event.
    many = list(range(14))
    await compiled.many(event, *many)


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    children = [loop.create_task(child("child-%d" % number)) for number in range(6)]
    ways = [
        compiled.leaf(children[0]),
        compiled.through(children[1]),
        compiled.Box().method(compiled.through, children[2]),
        middle(children[3]),
        compiled.loops(children[4]),
        awaits(children[5]),
    ]
    for number, way in enumerate(ways):
        task = loop.create_task(way)
        truth.mark("way-%d" % number, task)
        truth.awaits("way-%d" % number, "child-%d" % number, "await")
        ways[number] = task
        truth.awaits("main", "way-%d" % number, "gather")
    for number in range(4):
        event = asyncio.Event()
        label = "told-%d" % number
        ways.append(truth.child("main", label, told(event), "event", id=event, waiting=1, name="event"))
    await asyncio.gather(*ways)


truth.stack("way-0", "leaf")
truth.stack("way-1", "leaf", "through")
truth.stack("way-2", "leaf", "through", "method")
truth.stack("way-3", "interpreted", "method", "middle")
truth.stack("way-4", "rows", "loops")
truth.stack("way-5", "__await__", "awaits")
truth.run(main)
