"""Tasks want one more of a pool of SQLAlchemy's than it has, and go on: no deadlock."""
import asyncio

import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

import truth


async def keeps(engine):
    """Has one that is in no variable of a task."""
    truth.mark("keeps")
    kept.append(await engine.connect())
    parked.append("keeps")
    await truth.forever()
    await kept.pop().close()


async def wants_another(label, engine, others):
    truth.mark(label)
    while len(parked) < others:
        await asyncio.sleep(0)
    async with engine.connect():
        parked.append(label)
        async with engine.connect():
            pass


def engine_of(size, overflow, timeout):
    return create_async_engine(
        "sqlite+aiosqlite://", poolclass=sqlalchemy.pool.AsyncAdaptedQueuePool,
        pool_size=size, max_overflow=overflow, pool_timeout=timeout,
    )


async def main():
    truth.mark("main")
    # As many as the pool keeps are on record; the one that it does not keep is not.
    shared, in_time = engine_of(1, 1, None), engine_of(1, 0, 1000)
    truth.when(lambda: len(parked) == 3)
    for label in ("keeps", "wants", "gives up"):
        truth.awaits("main", label, "gather")
    await asyncio.gather(
        keeps(shared), wants_another("wants", shared, 1), wants_another("gives up", in_time, 1)
    )


parked, kept = [], []
truth.greenlets(lambda frame: frame.f_code.co_name == "greenlet_spawn" and frame.f_locals["context"])
truth.run(main)
