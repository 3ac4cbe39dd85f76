"""anext with and without a default, of generators and of a class. From 3.10."""
import asyncio

import truth


async def inner():
    await truth.forever()
    yield


async def outer():
    yield await anext(inner(), None)


class Stream:
    def __aiter__(self):
        return self

    async def __anext__(self):
        await truth.forever()


class Bridge(Stream):
    def __anext__(self):
        return Reply()


class Reply:
    def __await__(self):
        return pause().__await__()


async def pause():
    await truth.forever()


async def plain(label, stream):
    truth.mark(label)
    await anext(stream)


async def default(label, stream):
    truth.mark(label)
    return await anext(stream, "default")


async def main():
    truth.mark("main")
    unused = outer()
    await asyncio.gather(
        plain("plain", outer()),
        default("default", outer()),
        plain("plain class", Stream()),
        default("default class", Stream()),
        plain("plain bridge", Bridge()),
    )


for kind in ("plain", "default"):
    truth.awaits("main", kind, "gather")
    truth.awaits("main", kind + " class", "gather")
    truth.stack(kind, "inner", "outer", kind)
    truth.stack(kind + " class", "__anext__", kind)
truth.awaits("main", "plain bridge", "gather")
truth.stack("plain bridge", "pause", "plain")
truth.run(main)
