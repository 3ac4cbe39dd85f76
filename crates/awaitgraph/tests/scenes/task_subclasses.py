"""Subclasses of asyncio.Task: with attributes, with slots, with answers of their own."""
import asyncio

import truth


class WithAttributes(asyncio.Task):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.started = 1
        self.tags = ["a", "b"]


class WithSlots(asyncio.Task):
    __slots__ = ("one", "two")


class WithBoth(WithSlots):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.one = self.more = self


class Mixin:
    def describe(self):
        return "mixed in"


class Mixed(Mixin, WithBoth):
    pass


class Lies(asyncio.Task):
    def get_name(self):
        return "not its name"

    def get_coro(self):
        raise RuntimeError("no")

    def done(self):
        return True

    def __repr__(self):
        raise RuntimeError("no")

    def __eq__(self, other):
        return True

    __hash__ = asyncio.Task.__hash__


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    kinds = (WithAttributes, WithSlots, WithBoth, Mixed)
    tasks = [kind(child(kind.__name__), loop=loop, name=kind.__name__) for kind in kinds]
    asyncio.ensure_future(waits(Lies(child("Lies"), loop=loop, name="lies")))
    await asyncio.wait(tasks)


async def waits(task):
    truth.mark("waits")
    await asyncio.shield(task)


for label in ("WithAttributes", "WithSlots", "WithBoth", "Mixed"):
    truth.awaits("main", label, "wait")
# Seeing it done, shield() gives back the task itself.
truth.awaits("waits", "Lies", "await")
truth.run(main)
