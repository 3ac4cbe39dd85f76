"""Edges that a program records itself, directly and through a future. From 3.14."""
import asyncio

import truth


async def child(label):
    truth.mark(label)
    await truth.forever()


async def ends():
    pass


async def main():
    truth.mark("main")
    parent = asyncio.current_task()
    future = truth.forever()
    done = asyncio.ensure_future(ends())
    tasks = [asyncio.ensure_future(child(label)) for label in "abc"]
    asyncio.future_add_to_awaited_by(tasks[0], parent)
    asyncio.future_add_to_awaited_by(tasks[1], future)
    asyncio.future_add_to_awaited_by(tasks[2], parent)
    asyncio.future_add_to_awaited_by(tasks[2], tasks[1])
    asyncio.future_add_to_awaited_by(tasks[0], done)
    asyncio.future_add_to_awaited_by(tasks[0], truth.forever())
    asyncio.future_discard_from_awaited_by(tasks[2], parent)
    await future


truth.recorded("main", "a")
truth.recorded("main", "b")
truth.recorded("b", "c")
truth.run(main)
