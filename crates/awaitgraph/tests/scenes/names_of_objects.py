"""Names given as other objects: numbers, str subclasses (also kept as such), classes that lie."""
import asyncio

import truth


class Loud(str):
    pass


class Kept(str):
    """Stays what it is where asyncio calls str() on it."""

    def __str__(self):
        return self


class Slots(str):
    __slots__ = ()

    def __str__(self):
        return self


class Attributes(Kept):
    def __init__(self, _):
        self.more = [1, 2, 3]


class Named:
    def __str__(self):
        return "by __str__ \u6f22"


OBJECTS = [
    7,
    -1,
    2**80,
    3.5,
    (1, "two"),
    b"bytes",
    True,
    Loud("a subclass"),
    Kept("kept"),
    Kept("kept \xe9"),
    Kept("kept \u6f22\u5b57"),
    Kept("kept \U0001f600"),
    Kept(""),
    Kept("kept " * 1000),
    Slots("slots"),
    Attributes("with attributes \u6f22"),
    Named(),
]


async def child():
    await truth.forever()


async def main():
    truth.mark("main")
    tasks = []
    for name in OBJECTS:
        tasks.append(asyncio.create_task(child(), name=name))
        tasks.append(asyncio.create_task(child()))
        tasks[-1].set_name(name)
    for task in tasks:
        truth.awaits("main", task, "gather")
    await asyncio.gather(*tasks)


truth.when(lambda: truth._edges)
truth.run(main)
