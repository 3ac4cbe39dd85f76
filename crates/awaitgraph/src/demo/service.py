"""A small web shop's back end, as `awaitgraph demo` shows it.

Nothing here knows of awaitgraph. Everything happens as in a service that got
stuck: a payment provider does not answer, the worker that waits for it holds
the ledger, and behind that the orders pile up.
"""

import asyncio
import contextlib
import os
import sys


class Shop:
    def __init__(self):
        self.orders = asyncio.Queue()
        self.ledger = asyncio.Lock()
        self.provider = asyncio.Event()  # never set: the provider is down
        self.shutdown = asyncio.Event()
        self.stuck = 0

    def on_its_way_to_wait(self):
        """Called right before each task waits; all eight do, then we are ready."""
        self.stuck += 1
        if self.stuck == 8:
            asyncio.get_running_loop().call_soon(print_ready)

    @contextlib.asynccontextmanager
    async def transaction(self):
        if self.ledger.locked():
            self.on_its_way_to_wait()
        async with self.ledger:
            yield

    async def charge(self, order):
        self.on_its_way_to_wait()
        await self.provider.wait()

    async def book(self, order):
        async with self.transaction():
            # A payment that has begun must come to its end.
            payment = asyncio.ensure_future(self.charge(order))
            named(payment, "payment-%d" % order)
            await asyncio.shield(payment)

    async def worker(self):
        while True:
            if self.orders.empty():
                self.on_its_way_to_wait()
            order = await self.orders.get()
            await self.book(order)

    async def open_orders(self):
        """Goes through the orders of the day, of which the last is not settled."""
        for order in (1, 2, 3):
            yield order
        async with self.transaction():
            yield 4

    async def report(self):
        async for _order in self.open_orders():
            pass

    async def stock(self, warehouse):
        self.on_its_way_to_wait()
        await self.provider.wait()

    async def stock_everywhere(self):
        north = named(asyncio.ensure_future(self.stock("north")), "stock-north")
        south = named(asyncio.ensure_future(self.stock("south")), "stock-south")
        return await asyncio.wait_for(asyncio.gather(north, south), timeout=3600)

    async def serve(self):
        for order in (5, 6, 7):
            self.orders.put_nowait(order)
        workers = [("worker-%d" % n, self.worker()) for n in (1, 2, 3, 4)]
        others = [("nightly-report", self.report()), ("stock", self.stock_everywhere())]
        await in_a_group(workers + others)


async def in_a_group(coroutines):
    """Runs them until all are done, in a TaskGroup from Python 3.11 on."""
    if hasattr(asyncio, "TaskGroup"):
        async with asyncio.TaskGroup() as group:
            for name, coroutine in coroutines:
                named(group.create_task(coroutine), name)
    else:
        await asyncio.gather(
            *[named(asyncio.ensure_future(coroutine), name) for name, coroutine in coroutines]
        )


def named(task, name):
    task.set_name(name)
    return task


def print_ready():
    print("ready", flush=True)


async def main():
    # Whoever started us holds the other end of our standard input. Once that
    # is gone, so are we.
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), os._exit, 0)
    shop = Shop()
    heartbeat = named(asyncio.ensure_future(beat(shop)), "heartbeat")
    await shop.serve()
    await heartbeat


async def beat(shop):
    """Tells the load balancer that all is well, which is how nobody noticed."""
    shop.on_its_way_to_wait()
    while not shop.shutdown.is_set():
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(shop.shutdown.wait(), timeout=3600)


asyncio.run(main())
