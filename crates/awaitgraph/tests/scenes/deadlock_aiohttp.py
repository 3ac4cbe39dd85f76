"""Tasks read an answer each, by all connections of a client, and ask for another: some for ever."""
import asyncio

import aiohttp

import truth


async def asks_twice(label, session, url):
    truth.mark(label)
    async with session.get(url):
        parked.append(label)
        while len(parked) < 4:
            await asyncio.sleep(0)
        async with session.get(url):
            pass


async def serves(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
    await reader.read(1)


async def main():
    truth.mark("main")
    server = await asyncio.start_server(serves, "127.0.0.1", 0)
    url = "http://127.0.0.1:%d/" % server.sockets[0].getsockname()[1]

    def client(total):
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=2), timeout=aiohttp.ClientTimeout(total=total)
        )

    async with client(None) as for_ever, client(1000) as in_time:
        children = []
        for label, session in (
            ("first", for_ever), ("second", for_ever), ("gives up", in_time), ("gives up, too", in_time)
        ):
            truth.awaits("main", label, "gather")
            children.append(asks_twice(label, session, url))
        await asyncio.gather(*children)


parked = []
truth.when(lambda: len(parked) == 4)
truth.run(main)
