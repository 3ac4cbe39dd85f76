"""Coroutines of every kind that Cython compiles."""


async def leaf(awaitable):
    return await awaitable


async def through(awaitable):
    """Awaits another compiled coroutine."""
    return await leaf(awaitable)


class Box:
    async def method(self, function, awaitable):
        """Awaits one that is not compiled."""
        return await function(awaitable)

    async def rows(self, awaitable):
        yield 1
        yield await awaitable


async def loops(awaitable):
    """Goes through an asynchronous generator, which is compiled too."""
    async for row in Box().rows(awaitable):
        pass


class Awaitable:
    def __init__(self, awaitable):
        self.awaitable = awaitable

    def __await__(self):
        return (yield from self.awaitable.__await__())


async def many(event, a=1, b=2, c=3, d=4, e=5, f=6, g=7, h=8, i=9, j=10, k=11, l=12, m=13, n=14):
    """Has more variables than fit into most objects."""
    return await event.wait()


async def no_awaits():
    return None
