"""A shop, as it runs in production: aiohttp, a pool of asyncpg, workers, and ten thousand clients.

All but a few of the connections wait for their next request. Ten requests have
the whole pool for reports that take their time, thirty more wait for a
connection of it, and one client asks on and on. The clients and the database
are another process, `service_clients.py`.
"""
import asyncio
import json
import logging
import os
import resource
import subprocess
import sys
import threading

import asyncpg
from aiohttp import web

import truth

POOL = 10


class Shop:
    def __init__(self, pool):
        self.pool = pool
        self.mails = asyncio.Queue()
        self.stock = {}

    async def report(self, request):
        async with self.pool.acquire() as connection:
            await connection.execute("select pg_sleep(1000)")

    async def order(self, request):
        async with self.pool.acquire() as connection:
            await connection.execute("insert into orders default values")
        return web.Response()

    async def health(self, request):
        await self.mails.put("somebody looked")
        return web.Response(text="well")

    async def status(self, request):
        free = self.pool._queue
        return web.Response(text=json.dumps([free.qsize(), len(free._getters)]))

    async def send_mails(self):
        while True:
            await self.mails.get()
            await asyncio.sleep(0)

    async def refresh_stock(self):
        while True:
            self.stock["apples"] = len(self.stock)
            await asyncio.sleep(300)

    async def background(self):
        await asyncio.gather(self.refresh_stock(), *[self.send_mails() for _ in range(3)])


async def serve(shop, listening):
    app = web.Application()
    for path in ("report", "order", "health", "status"):
        app.router.add_get("/" + path, getattr(shop, path))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    listening(site._server.sockets[0].getsockname()[1])
    await shop.background()


def limit():
    """As many files as may be open, and so how many clients there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(10_000, hard - 500)


async def main():
    truth.here(asyncio.get_running_loop())
    clients = limit()
    here = os.path.dirname(os.path.abspath(__file__))
    others = subprocess.Popen(
        [sys.executable, os.path.join(here, "service_clients.py"), str(clients)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True,
    )
    database = int(others.stdout.readline())
    pool = await asyncpg.create_pool(
        host="127.0.0.1", port=database, user="shop", database="shop", ssl=False,
        min_size=POOL, max_size=POOL,
    )

    def listening(port):
        others.stdin.write("%d\n" % port)
        others.stdin.flush()
        threading.Thread(target=tell, daemon=True).start()

    def tell():
        told = json.loads(others.stdout.readline())
        told.update(pid=os.getpid(), idle=clients, database=database)
        truth.report(told)
        truth.stay()

    await serve(Shop(pool), listening)


logging.disable(logging.CRITICAL)
asyncio.run(main())
