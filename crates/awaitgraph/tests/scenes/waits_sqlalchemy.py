"""SQLAlchemy's pool: who has a connection of it, by whichever way."""
import asyncio

import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

import truth

QUERY = sqlalchemy.text("select 1")


async def connection(label, engine):
    truth.mark(label)
    async with engine.connect():
        parked.append(label)
        await truth.forever()


async def transaction(label, engine):
    truth.mark(label)
    async with engine.begin():
        parked.append(label)
        await truth.forever()


async def session(label, engine):
    truth.mark(label)
    async with AsyncSession(engine) as opened:
        await opened.execute(QUERY)
        parked.append(label)
        await truth.forever()


async def closed(label, engine):
    """Has given back what it had."""
    truth.mark(label)
    async with engine.connect() as opened, AsyncSession(engine) as other:
        await other.execute(QUERY)
        await other.commit()
        await opened.close()
        parked.append(label)
        await truth.forever()


async def queues(label, engine):
    truth.mark(label)
    async with engine.connect():
        pass


async def queues_twice(label, engine):
    truth.mark(label)
    async with AsyncSession(engine) as opened:
        await opened.execute(QUERY)
        parked.append(label)
        async with engine.connect():
            pass


def engine_of(size):
    return create_async_engine(
        "sqlite+aiosqlite://", poolclass=sqlalchemy.pool.AsyncAdaptedQueuePool,
        pool_size=size, max_overflow=0, pool_timeout=None,
    )


async def main():
    truth.mark("main")
    shared, own = engine_of(3), engine_of(1)
    holders = [connection, transaction, session]
    children = [asyncio.ensure_future(closed("closed", shared))]
    truth.awaits("main", "closed", "gather")
    # One after the other: each has its own before the next comes.
    for make in holders:
        while len(parked) < len(children):
            await asyncio.sleep(0)
        truth.awaits("main", make.__name__, "gather")
        children.append(asyncio.ensure_future(make(make.__name__, shared)))
    while len(parked) < len(children):
        await asyncio.sleep(0)
    for label, engine, size, held_by in (
        ("queues", shared, 3, [make.__name__ for make in holders]),
        ("queues twice", own, 1, ["queues twice"]),
    ):
        waits = {"queues": queues, "queues twice": queues_twice}[label]
        children.append(asyncio.ensure_future(waits(label, engine)))
        truth.awaits("main", label, "gather")
        truth.waits(
            label, "queue", end="get", size=0, bound=size, getters=1, holders=held_by,
            name="AsyncAdaptedQueue._queue",
        )
    truth.when(lambda: "queues twice" in parked and own.pool.checkedout() == 1)
    await asyncio.gather(*children)


parked = []
truth.greenlets(lambda frame: frame.f_code.co_name == "greenlet_spawn" and frame.f_locals["context"])
truth.run(main)
