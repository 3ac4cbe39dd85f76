"""What calls itself a greenlet and is none that is known, as one of a later version may be."""
import asyncio
import sys
import types

import truth

sys.modules.setdefault("greenlet", types.ModuleType("greenlet"))


def greenlet(*slots):
    """An instance of a class of the extension's name, and of that many fields."""
    names = ["field_%d" % number for number in range(len(slots))]
    found = type("greenlet.greenlet", (), {"__slots__": names})()
    for name, value in zip(names, slots):
        setattr(found, name, value)
    return found


async def holds(label, in_hand, task):
    truth.mark(label)
    await task


async def child():
    truth.mark("child")
    await truth.forever()


async def main():
    truth.mark("main")
    task = asyncio.ensure_future(child())
    await asyncio.gather(
        holds("no fields", greenlet(), task),
        holds("many fields", greenlet(*[None] * 12), task),
        holds("no frame", greenlet(None, None, (None,) * 20), task),
    )


for label in ("no fields", "many fields", "no frame"):
    truth.awaits("main", label, "gather")
    truth.awaits(label, "child", "await")
    truth.stack(label, "holds")
truth.run(main)
