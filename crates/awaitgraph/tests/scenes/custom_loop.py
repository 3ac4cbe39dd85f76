"""Loops of the user's own: a subclass with its own futures and tasks, and one written from scratch."""
import asyncio
import collections
import threading

import truth


class OwnFuture(asyncio.Future):
    pass


class OwnLoop(asyncio.SelectorEventLoop):
    def create_future(self):
        return OwnFuture(loop=self)

    def create_task(self, coroutine, **options):
        return asyncio.Task(coroutine, loop=self)

    def time(self):
        return super().time() + 1000.0


class FromScratch(asyncio.AbstractEventLoop):
    """Runs callbacks until there are none, then blocks."""

    def __init__(self):
        self.queue = collections.deque()
        self.running = False

    def call_soon(self, callback, *args, context=None):
        handle = asyncio.Handle(callback, args, self, context)
        self.queue.append(handle)
        return handle

    def create_task(self, coroutine):
        return asyncio.Task(coroutine, loop=self)

    def create_future(self):
        return asyncio.Future(loop=self)

    def get_debug(self):
        return False

    def is_running(self):
        return self.running

    def run_forever(self):
        self.running = True
        asyncio._set_running_loop(self)
        while self.queue:
            self.queue.popleft()._run()
        truth.block()


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main(label):
    truth.mark(label)
    await asyncio.gather(child(label + "1"), child(label + "2"))


for label in ("own", "scratch"):
    truth.awaits(label, label + "1", "gather")
    truth.awaits(label, label + "2", "gather")


def scratch():
    loop = FromScratch()
    loop.create_task(main("scratch"))
    loop.run_forever()


threading.Thread(target=scratch, daemon=True).start()
truth.watch()
OwnLoop().run_until_complete(main("own"))
