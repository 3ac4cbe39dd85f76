"""Classes in C's image with the plain names of asyncio's classes in Python."""
import asyncio

import truth


class Future(asyncio.Future):
    pass


class Named(asyncio.Task):
    pass


Named.__name__ = Named.__qualname__ = "Future"


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    global outer
    outer = Future(loop=loop)
    task = Named(child("child"), loop=loop)
    task.add_done_callback(lambda task: outer.set_result(None))
    other = asyncio.ensure_future(child("other"))
    other.add_done_callback(outer.set_result)
    await asyncio.gather(task, waits(outer))


async def waits(future):
    truth.mark("waits")
    await future


truth.awaits("main", "child", "gather")
truth.awaits("main", "waits", "gather")
truth.awaits("waits", "other", "callback", via=lambda: [outer])
truth.run(main)
