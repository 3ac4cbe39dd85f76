"""sys.modules with a hundred thousand entries, many removed again, and with keys that are no strings."""
import asyncio
import sys

import truth


class Name(str):
    pass


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.gather(child("a"), truth.PyTask(child("b")))


for number in range(100_000):
    sys.modules["made_up.module_%d" % number] = None
for number in range(0, 100_000, 3):
    del sys.modules["made_up.module_%d" % number]
sys.modules[Name("made_up.subclass")] = None
asyncio.tasks.__dict__[7] = None
truth.awaits("main", "a", "gather")
truth.awaits("main", "b", "gather")
truth.run(main)
