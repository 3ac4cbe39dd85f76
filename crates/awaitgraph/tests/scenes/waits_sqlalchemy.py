"""SQLAlchemy's pool: who has a connection of it, by whichever way."""
import asyncio

import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

import truth

QUERY = sqlalchemy.text("select 1")


async def park(label):
    parked.append(label)
    await truth.forever()


async def connection(label, engine):
    truth.mark(label)
    async with engine.connect():
        await park(label)


async def transaction(label, engine):
    truth.mark(label)
    async with engine.begin():
        await park(label)


async def session(label, engine):
    truth.mark(label)
    async with AsyncSession(engine) as opened:
        await opened.execute(QUERY)
        await park(label)


async def session_maker(label, engine):
    truth.mark(label)
    async with async_sessionmaker(engine).begin() as opened:
        await opened.execute(QUERY)
        await park(label)


async def inner_transactions(label, engine):
    """What is inside of an `async with` is only the transaction."""
    truth.mark(label)
    opened = AsyncSession(engine)
    async with opened.begin():
        await opened.execute(QUERY)
        del opened
        await park(label)


async def by_hand(label, engine):
    truth.mark(label)
    opened = await engine.connect()
    await park(label)
    await opened.close()


async def unknown(label, engine):
    """Nobody can tell who has it: two tasks know it."""
    truth.mark(label)
    shared = await engine.connect()
    truth.awaits(label, "knows " + label, "await")
    await asyncio.ensure_future(knows("knows " + label, shared))


async def knows(label, shared):
    truth.mark(label)
    parked.append("knows")
    parked.append(label)
    await truth.forever()
    await shared.close()


async def disposed(label, engine):
    """Has one of a pool that its engine has no more."""
    truth.mark(label)
    async with engine.connect():
        await engine.dispose()
        await park(label)


async def opening(label, engine):
    """Has one that is still being opened."""
    truth.mark(label)
    async with engine.connect():
        pass


async def never():
    parked.append("opening")
    await truth.forever()


async def closed(label, engine):
    """Has given back what it had."""
    truth.mark(label)
    async with engine.connect() as opened, AsyncSession(engine) as other:
        await other.execute(QUERY)
        await other.commit()
        await opened.close()
        await park(label)


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


def engine_of(size, overflow=0, timeout=None, **more):
    return create_async_engine(
        "sqlite+aiosqlite://", poolclass=sqlalchemy.pool.AsyncAdaptedQueuePool,
        pool_size=size, max_overflow=overflow, pool_timeout=timeout, **more
    )


async def main():
    truth.mark("main")
    children = []

    async def begin(label, make, engine):
        """One after the other: each has its own before the next comes."""
        truth.awaits("main", label, "gather")
        children.append(asyncio.ensure_future(make(label, engine)))
        while label not in parked:
            await asyncio.sleep(0)

    def wait(label, engine, lent, holders, make=queues, **more):
        truth.awaits("main", label, "gather")
        children.append(asyncio.ensure_future(make(label, engine)))
        engines.append((engine, lent))
        truth.waits(
            label, "pool", id=engine.pool, lent=lent, bound=lent, waiting=1, holders=holders,
            name="Engine.pool", **more
        )

    shared, own, leaky, renewed = engine_of(3), engine_of(1), engine_of(1, 2), engine_of(1, 1)
    ways = [connection, transaction, session]
    await begin("closed", closed, shared)
    for make in ways:
        await begin(make.__name__, make, shared)
    wait("queues", shared, 3, [make.__name__ for make in ways], more_holders=None)
    # More than the pool keeps.
    larger = engine_of(1, 2)
    ways = [session_maker, inner_transactions, connection]
    labels = ["larger " + make.__name__ for make in ways]
    for label, make in zip(labels, ways):
        await begin(label, make, larger)
    wait("queues larger", larger, 3, labels, more_holders=None)
    await begin("by hand", by_hand, leaky)
    await begin("leaky connection", connection, leaky)
    truth.awaits("main", "unknown", "gather")
    children.append(asyncio.ensure_future(unknown("unknown", leaky)))
    while "knows" not in parked:
        await asyncio.sleep(0)
    wait("queues leaky", leaky, 3, ["by hand", "leaky connection"], more_holders=True)
    await begin("disposed", disposed, renewed)
    labels = ["renewed 1", "renewed 2"]
    for label in labels:
        await begin(label, connection, renewed)
    wait("queues renewed", renewed, 2, labels, more_holders=None)
    late = engine_of(1, async_creator=never)
    await begin("opening", opening, late)
    wait("queues late", late, 1, ["opening"], more_holders=None)
    wait("queues twice", own, 1, ["queues twice"], queues_twice)
    truth.when(lambda: "queues twice" in parked)
    truth.when(lambda: all(engine.pool.checkedout() == lent for engine, lent in engines))
    await asyncio.gather(*children)


parked, engines = [], []
truth.greenlets(lambda frame: frame.f_code.co_name == "greenlet_spawn" and frame.f_locals["context"])
truth.run(main)
