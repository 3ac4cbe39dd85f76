"""Subclasses of the pure-Python Task, in a loop of C tasks: with slots, with many attributes, with a mixin."""
import asyncio

import truth


class Slotted(truth.PyTask):
    __slots__ = ("extra",)


class Crowded(truth.PyTask):
    """More attributes than fit the object's inline values; some removed again."""

    def __init__(self, *args, **options):
        for number in range(60):
            setattr(self, "before%d" % number, number)
        super().__init__(*args, **options)
        for number in range(60):
            setattr(self, "after%d" % number, number)
        for number in range(0, 60, 3):
            delattr(self, "before%d" % number)


class Mixin:
    def more(self):
        """Nothing that a task needs."""


class Mixed(Mixin, truth.PyTask):
    """Whose first base is no task."""


class Dictionary(truth.PyTask):
    """Its attributes live in a plain dict."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.__dict__ = dict(self.__dict__, more=1)


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    kinds = (truth.PyTask, Slotted, Crowded, Mixed, Dictionary)
    tasks = [kind(child(kind.__name__), loop=loop) for kind in kinds]
    tasks[0].__dict__  # which makes the dict of one of them
    for kind, task in zip(kinds, tasks):
        task.set_name("a " + kind.__name__)
        truth.awaits("main", kind.__name__, "gather")
    await asyncio.gather(*tasks)


truth.when(lambda: truth._edges)
truth.run(main)
