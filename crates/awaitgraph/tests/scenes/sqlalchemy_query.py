"""SQLAlchemy's asyncio layer, on a query that does not end: of the ORM, and of a connection."""
import asyncio

import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

import truth

BLOCK = sqlalchemy.text("select block()")
blocked = []


def block():
    """In a thread of the database's own."""
    blocked.append(None)
    truth.block()


def register(connection):
    """Gives the database a function that blocks its thread."""
    connection.connection.create_function("block", 0, block)


async def by_connection(engine):
    async with engine.connect() as connection:
        await connection.run_sync(register)
        truth.mark("connection")
        await connection.execute(BLOCK)


def report(session):
    """The program's own synchronous code, in the greenlet."""
    return [session.execute(BLOCK)]


async def by_session(engine):
    async with AsyncSession(engine) as session:
        await (await session.connection()).run_sync(register)
        truth.mark("session")
        await session.run_sync(report)


async def main():
    truth.mark("main")
    engines = [create_async_engine("sqlite+aiosqlite://") for _ in range(2)]
    await asyncio.gather(by_connection(engines[0]), by_session(engines[1]))


truth.greenlets(lambda frame: frame.f_code.co_name == "greenlet_spawn" and frame.f_locals["context"])
truth.awaits("main", "connection", "gather")
truth.awaits("main", "session", "gather")
truth.when(lambda: len(blocked) == 2)
truth.run(main)
