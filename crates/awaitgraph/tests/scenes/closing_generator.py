"""A task blocks while it closes a generator, and one while it throws into an async one."""
import asyncio
import threading

import truth


def numbers():
    try:
        yield 1
    finally:
        truth.block()


def delegates():
    yield from numbers()


async def values():
    try:
        yield 1
    except ValueError:
        truth.block()


async def through():
    values_ = values()
    await values_.__anext__()
    await values_.athrow(ValueError("as it should"))
    yield


async def closes():
    truth.mark("closes")
    generator = delegates()
    next(generator)
    generator.close()


async def throws():
    truth.mark("throws")
    await through().__anext__()


for label, function in {"closes": closes, "throws": throws}.items():
    truth.state(label, "running")
    thread = threading.Thread(target=lambda f=function: asyncio.run(f()), daemon=True)
    thread.start()
truth.when(lambda: len(truth._marks) == 2)
truth.watch()
truth.block()
