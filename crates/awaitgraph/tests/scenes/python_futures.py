"""A loop whose futures are pure Python: every construct waits through them."""
import asyncio

import truth


class Loop(asyncio.SelectorEventLoop):
    def create_future(self):
        return asyncio.futures._PyFuture(loop=self)


async def child(label):
    truth.mark(label)
    await truth.forever()


async def gathers():
    truth.mark("gathers")
    await asyncio.gather(child("a"), asyncio.gather(child("b")))


async def shields():
    truth.mark("shields")
    await asyncio.shield(child("c"))


async def waits():
    truth.mark("waits")
    await asyncio.wait([asyncio.ensure_future(child("d"))])


async def completes():
    truth.mark("completes")
    for result in asyncio.as_completed([child("e")]):
        await result


async def main():
    truth.mark("main")
    await asyncio.wait([asyncio.ensure_future(c()) for c in (gathers, shields, waits, completes)])


truth.awaits("gathers", "a", "gather")
truth.awaits("gathers", "b", "gather")
truth.awaits("shields", "c", "shield")
truth.awaits("waits", "d", "wait")
truth.awaits("completes", "e", "as_completed")
for label in ("gathers", "shields", "waits", "completes"):
    truth.awaits("main", label, "wait")
truth.watch()
Loop().run_until_complete(main())
