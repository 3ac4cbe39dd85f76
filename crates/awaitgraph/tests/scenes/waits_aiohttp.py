"""aiohttp: who waits for an answer, and who for a request, waits at a connection."""
import asyncio

import aiohttp

import truth



async def asks(session, url, port):
    truth.mark("asks")
    truth.waits("asks", "stream", action="read", family="tcp", peer="127.0.0.1:%d" % port)
    await session.get(url)


async def queues(session, url):
    truth.mark("queues")
    truth.waits("queues", "future", name="TCPConnector._waiters[...][...]", orphaned=None)
    await session.get(url)


async def main():
    truth.mark("main")
    silent = await asyncio.start_server(serves, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    url = "http://127.0.0.1:%d/" % port
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        await asyncio.gather(asks(session, url, port), queues(session, url))


async def serves(reader, writer):
    truth.mark("serves")
    sock = writer.get_extra_info("socket")
    await reader.readuntil(b"\r\n\r\n")
    truth.waits(
        "serves", "stream", action="read", family="tcp", fd=sock.fileno(),
        peer="%s:%d" % sock.getpeername(),
    )
    await reader.read(1)


truth.awaits("main", "asks", "gather")
truth.awaits("main", "queues", "gather")
truth.when(lambda: len(truth._waits) == 3)
truth.run(main)
