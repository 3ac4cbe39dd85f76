"""A user's partial completes a future: bridges by position, by keyword, and in two steps."""
import asyncio
import functools

import truth


def complete(future, task, *, also=None):
    (also or future).set_result(task.result())


def pass_on(future, done):
    future.set_result(done.result())


async def child(label):
    truth.mark(label)
    await truth.forever()


async def waiter(label, future):
    truth.mark(label)
    await future


async def main():
    truth.mark("main")
    global futures
    position, keyword, first, second = [truth.forever() for _ in range(4)]
    futures = {"a": [position], "b": [keyword], "c": [first, second]}
    task = asyncio.ensure_future(child("a"))
    task.add_done_callback(functools.partial(complete, position))
    task = asyncio.ensure_future(child("b"))
    task.add_done_callback(functools.partial(complete, None, also=keyword))
    task = asyncio.ensure_future(child("c"))
    task.add_done_callback(functools.partial(pass_on, first))
    first.add_done_callback(functools.partial(pass_on, second))
    await asyncio.gather(
        waiter("wa", position), waiter("wb", keyword), waiter("wc", second)
    )


for label in "abc":
    truth.awaits("w" + label, label, "callback", via=lambda label=label: futures[label])
    truth.awaits("main", "w" + label, "gather")
truth.run(main)
