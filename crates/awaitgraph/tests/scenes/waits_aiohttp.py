"""aiohttp: who waits for an answer, and who for a request, waits at a connection."""
import asyncio

import aiohttp

import truth



async def asks(session, url, port):
    truth.mark("asks")
    truth.waits("asks", "stream", action="read", family="tcp", peer="127.0.0.1:%d" % port)
    await session.get(url)


async def main():
    truth.mark("main")
    silent = await asyncio.start_server(serves, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(asks(session, "http://127.0.0.1:%d/" % port, port))


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
truth.when(lambda: len(truth._waits) == 2)
truth.run(main)
