"""Functions of every make: nested, lambda, methods, decorated with and without wraps, partial."""
import asyncio
import functools

import truth


def traced(function):
    @functools.wraps(function)
    async def wrapper(*args):
        return await function(*args)

    return wrapper


def bare(function):
    async def wrapper(*args):
        return await function(*args)

    return wrapper


class Service:
    class Inner:
        async def run(self):
            await truth.forever()

    async def method(self):
        await self.Inner().run()

    @classmethod
    async def of_class(cls):
        await cls().method()

    @staticmethod
    async def static():
        await Service.of_class()

    @property
    async def value(self):
        await truth.forever()

    async def __call__(self):
        await self.value

    @traced
    async def decorated(self):
        await self()


def nested():
    async def within():
        async def deepest():
            await truth.forever()

        await deepest()

    return within


async def other_name():
    await truth.forever()


other_name.__qualname__ = "Given.later"
other_name.__name__ = "later"


async def waits(label, make):
    truth.mark(label)
    await make()


async def main():
    truth.mark("main")
    service = Service()
    makers = {
        "nested": nested(),
        "lambda": lambda: service.method(),
        "class": Service.of_class,
        "static": Service.static,
        "call": service,
        "decorated": service.decorated,
        "bare": bare(traced(bare(service.method))),
        "partial": functools.partial(traced(Service.decorated), service),
        "renamed": other_name,
    }
    for label in makers:
        truth.awaits("main", label, "gather")
    await asyncio.gather(*[waits(label, make) for label, make in makers.items()])


truth.when(lambda: truth._edges)
truth.run(main)
