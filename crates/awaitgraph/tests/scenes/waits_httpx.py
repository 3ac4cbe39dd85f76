"""httpx: who waits for an answer waits at a connection, and the next one for the pool's."""
import asyncio
import socket

import httpx

import truth


async def asks(label, client, url):
    truth.mark(label)
    await client.get(url)


async def main():
    truth.mark("main")
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    url = "http://127.0.0.1:%d/" % port
    children = [("asks", None), ("waits for a connection", 500)]
    truth.waits("asks", "stream", action="read", family="tcp", peer="127.0.0.1:%d" % port)
    truth.waits("waits for a connection", "event", value=0, waiting=1)
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=1), timeout=None) as client:
        for label in ("asks", "waits for a connection"):
            truth.awaits("main", label, "gather")
        await asyncio.gather(
            asks("asks", client, url), asks("waits for a connection", client, url)
        )


truth.run(main)
