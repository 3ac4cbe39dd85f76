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


async def no_awaits():
    return None
