"""Pools of two drivers, which count what they lend: who has it, by whichever way."""
import asyncio
import inspect

import truth
from psycopg_pool.pool_async import AsyncConnectionPool
from redis.asyncio.client import Redis
from redis.asyncio.connection import BlockingConnectionPool


async def inside(label, pool):
    truth.mark(label)
    async with pool.connection():
        await truth.forever()


async def by_hand(label, pool):
    truth.mark(label)
    conn = await pool.getconn(900)
    await truth.forever()
    pool.putconn(conn)


async def queues(label, pool):
    truth.mark(label)
    async with pool.connection():
        pass


async def asks(label, client):
    truth.mark(label)
    await client.execute_command()


async def listens(label, client):
    truth.mark(label)
    async with client.pubsub() as opened:
        await opened.connect()
        await truth.forever()


async def listens_by_hand(label, client):
    truth.mark(label)
    opened = client.pubsub()
    await opened.connect()
    await truth.forever()
    await opened.__aexit__()


async def listens_unseen(label, client):
    truth.mark(label)
    unseen.append(client.pubsub())
    await unseen[0].connect()
    await truth.forever()


async def main():
    truth.mark("main")
    children = []

    async def begin(label, make, of):
        truth.awaits("main", label, "gather")
        children.append(asyncio.ensure_future(make(label, of)))
        for _ in range(5):
            await asyncio.sleep(0)

    # To 3.11 `wait_for` has a task of its own for what it waits for.
    inline = "timeout_handle" not in inspect.getsource(asyncio.wait_for)
    # Of the three connections of the second one is still to be opened.
    for name, pool, known in (
        ("whole", AsyncConnectionPool(2, opened=2), dict(lent=2)),
        ("opening", AsyncConnectionPool(3, opened=2), dict(lent=None)),
    ):
        await begin("inside " + name, inside, pool)
        await begin("by hand " + name, by_hand, pool)
        for label in ("third " + name, "fourth " + name):
            before = asyncio.all_tasks()
            await begin(label, queues, pool)
            waits = label
            if not inline:
                waits = "condition of " + label
                (of_condition,) = asyncio.all_tasks() - before - {children[-1]}
                truth.mark(waits, of_condition)
                truth.awaits(label, waits, "wait_for")
            truth.waits(
                waits, "pool", id=pool, bound=pool._max_size, waiting=2, more_holders=None,
                holders=["inside " + name, "by hand " + name], **known
            )
    pool = BlockingConnectionPool(4, truth.forever)
    client = Redis(pool)
    for make in (asks, listens, listens_by_hand, listens_unseen):
        await begin(make.__name__, make, client)
    await begin("wants", asks, client)
    truth.waits(
        "wants", "pool", id=pool, name="Redis.connection_pool", lent=4, bound=4, waiting=1,
        holders=["asks", "listens", "listens_by_hand"], more_holders=True,
    )
    await asyncio.gather(*children)


unseen = []
truth.run(main)
