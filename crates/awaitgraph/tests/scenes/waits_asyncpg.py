"""A driver of a database, whose protocol is written in Cython, and its pool."""
import asyncio

import asyncpg

import postgres
import truth


async def asks(label, connection):
    truth.mark(label)
    await connection.fetch("select $1::int", 1)


async def asks_simply(connection):
    truth.mark("asks simply")
    await connection.execute("select pg_sleep(1000)")


async def asks_of_pool(pool):
    truth.mark("asks of pool")
    async with pool.acquire() as connection:
        holders.append("asks of pool")
        await connection.execute("select pg_sleep(1000)")


async def holds(pool):
    truth.mark("holds")
    async with pool.acquire():
        holders.append("holds")
        await truth.forever()


async def by_hand(pool):
    truth.mark("by hand")
    connection = await pool.acquire()
    holders.append("by hand")
    await truth.forever()
    await pool.release(connection)


async def unseen(pool):
    """Has one that is in no variable, and another one no more."""
    truth.mark("unseen")
    given_back = await pool.acquire()
    await pool.release(given_back)
    kept.append(await pool.acquire())
    gone.append("unseen")
    await truth.forever()


async def queues(label, pool):
    truth.mark(label)
    truth.waits(
        label, "pool", id=pool, name="pool", lent=4, bound=4, waiting=2, holders=holders,
        more_holders=True,
    )
    async with pool.acquire():
        pass


async def late(label, pool):
    """Waits when all are lent."""
    while len(holders + gone) < 4:
        await asyncio.sleep(0)
    await queues(label, pool)


async def main():
    truth.mark("main")
    port = postgres.start()
    known = dict(host="127.0.0.1", port=port, user="user", database="shop", ssl=False)
    first, second = [await asyncpg.connect(**known) for _ in range(2)]
    for label, connection in (("asks", first), ("asks simply", second)):
        sock = connection._transport.get_extra_info("socket")
        truth.waits(
            label, "stream", action="read", id=connection._transport, family="tcp",
            fd=sock.fileno(), local="%s:%d" % sock.getsockname(), peer="127.0.0.1:%d" % port,
        )
    pool = await asyncpg.create_pool(min_size=4, max_size=4, **known)
    truth.waits("asks of pool", "stream", action="read", family="tcp", peer="127.0.0.1:%d" % port)
    for label in children:
        truth.awaits("main", label, "gather")
    # Those that come first have the pool's connections.
    await asyncio.gather(
        asks("asks", first), asks_simply(second), asks_of_pool(pool), holds(pool), by_hand(pool),
        unseen(pool), late("third", pool), late("fourth", pool),
    )


holders, gone, kept = [], [], []
children = ["asks", "asks simply", "asks of pool", "holds", "by hand", "unseen", "third", "fourth"]
truth.when(lambda: len(holders + gone) == 4)
truth.run(main)
