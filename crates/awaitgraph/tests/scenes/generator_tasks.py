"""Tasks whose coroutine is a generator: by asyncio.coroutine and by itself. To 3.10."""
import asyncio
import warnings

import truth

warnings.simplefilter("ignore", DeprecationWarning)


@asyncio.coroutine
def decorated():
    truth.mark("decorated")
    yield from plain("plain")


def plain(label):
    yield from truth.forever()


@asyncio.coroutine
def delegates(task):
    truth.mark("delegates")
    yield from task


def bare():
    truth.mark("bare")
    yield from truth.forever()


async def main():
    truth.mark("main")
    task = asyncio.ensure_future(decorated())
    alone = asyncio.get_running_loop().create_task(bare())
    await asyncio.gather(delegates(task), alone)


truth.awaits("delegates", "decorated", "await")
truth.awaits("main", "delegates", "gather")
truth.awaits("main", "bare", "gather")
truth.run(main)
