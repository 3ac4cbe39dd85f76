"""Futures that only look like asyncio's: by attributes, by slots, by a class in between."""
import asyncio

import truth


class Duck:
    """All that asyncio.isfuture() and a task ask for."""

    __slots__ = ("_asyncio_future_blocking", "loop", "callbacks")

    def __init__(self):
        self._asyncio_future_blocking = False
        self.loop = asyncio.get_running_loop()
        self.callbacks = []

    def get_loop(self):
        return self.loop

    def add_done_callback(self, callback, *, context=None):
        self.callbacks.append(callback)

    def done(self):
        return False

    def cancel(self, *_, **__):
        return False

    def __await__(self):
        self._asyncio_future_blocking = True
        yield self


class Drake(Duck):
    def __init__(self):
        super().__init__()
        self.name = "has attributes"


class Delegate(asyncio.Future):
    def __await__(self):
        return (yield from super().__await__())

    def done(self):
        return super().done()


async def waits(label, make):
    truth.mark(label)
    await make()


async def main():
    truth.mark("main")
    await asyncio.gather(waits("duck", Duck), waits("drake", Drake), waits("delegate", Delegate))


for label in ("duck", "drake", "delegate"):
    truth.awaits("main", label, "gather")
    truth.state(label, "waiting")
    truth.stack(label, "__await__", "waits")
truth.run(main)
