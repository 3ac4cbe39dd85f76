"""Tasks have all connections of a pool, those that it does not keep too, and each wants another."""
import asyncio

import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

import truth


async def with_connection(engine):
    truth.mark("connection")
    async with engine.connect():
        await everybody_has_one()
        async with engine.connect():
            pass


async def with_session(engine):
    truth.mark("session")
    async with AsyncSession(engine) as opened:
        await opened.execute(sqlalchemy.text("select 1"))
        await everybody_has_one()
        async with engine.begin():
            pass


async def everybody_has_one():
    parked.append(asyncio.current_task())
    while len(parked) < 2:
        await asyncio.sleep(0)


async def main():
    truth.mark("main")
    engine = create_async_engine(
        "sqlite+aiosqlite://", poolclass=sqlalchemy.pool.AsyncAdaptedQueuePool,
        pool_size=1, max_overflow=1, pool_timeout=None,
    )
    # The threads of the database are no loops that would be seen to rest.
    truth.when(lambda: len(engine.pool._pool._queue._getters) == 2)
    truth.awaits("main", "connection", "gather")
    truth.awaits("main", "session", "gather")
    # In a pool of SQLAlchemy's nobody waits before the last one is lent.
    await asyncio.gather(with_connection(engine), with_session(engine))


parked = []
truth.greenlets(lambda frame: frame.f_code.co_name == "greenlet_spawn" and frame.f_locals["context"])
truth.run(main)
