"""aiohttp: requests that are never answered, awaited and entered."""
import asyncio

import aiohttp

import truth


async def silent(reader, writer):
    truth.mark("connection %d" % len(truth._marks))
    await reader.read(-1)


async def awaits(session, url):
    truth.mark("awaits")
    await session.get(url)


async def enters(session, url):
    truth.mark("enters")
    async with session.post(url, data=b"1") as response:
        await response.text()


async def main():
    truth.mark("main")
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = "http://127.0.0.1:%d/" % server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(awaits(session, url), enters(session, url))


truth.awaits("main", "awaits", "gather")
truth.awaits("main", "enters", "gather")
truth.when(lambda: len(truth._marks) == 5)
truth.run(main)
