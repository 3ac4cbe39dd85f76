"""asend, athrow and aclose of an async generator, awaited directly, before and after a yield."""
import asyncio

import truth


async def generator():
    while True:
        try:
            sent = yield 1
            if sent is not None:
                await truth.forever()
        except (ValueError, GeneratorExit):
            await truth.forever()


async def fresh():
    await truth.forever()
    yield


async def send():
    truth.mark("send")
    values = generator()
    await values.asend(None)
    await values.asend(2)


async def send_coroutine(unused):
    truth.mark("send coroutine")
    values = generator()
    await values.__anext__()
    await values.asend(unused)


async def send_first():
    truth.mark("send first")
    await fresh().asend(None)


async def throw():
    truth.mark("throw")
    values = generator()
    await values.__anext__()
    await values.athrow(ValueError("as it should"))


async def close():
    truth.mark("close")
    values = generator()
    await values.__anext__()
    await values.aclose()


async def main():
    truth.mark("main")
    unused = generator()
    await asyncio.gather(send(), send_first(), throw(), close(), send_coroutine(unused))


for label in ("send", "send first", "throw", "close", "send coroutine"):
    truth.awaits("main", label, "gather")
truth.stack("send", "generator", "send")
truth.stack("send first", "fresh", "send_first")
truth.stack("throw", "generator", "throw")
truth.stack("close", "generator", "close")
truth.stack("send coroutine", "generator", "send_coroutine")
truth.run(main)
