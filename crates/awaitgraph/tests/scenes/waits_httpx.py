"""httpx: who waits for an answer waits at a connection, and the next one for the pool's."""
import asyncio
import socket
import threading

import httpx

import truth


async def asks(label, client, url):
    truth.mark(label)
    await client.get(url)


def hear(listener):
    connection, _ = listener.accept()
    heard.append((connection, connection.recv(1000)))


async def main():
    truth.mark("main")
    silent = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=hear, args=(silent,), daemon=True).start()
    port = silent.getsockname()[1]
    url = "http://127.0.0.1:%d/" % port
    truth.waits("asks", "stream", action="read", family="tcp", peer="127.0.0.1:%d" % port)
    truth.waits("waits for a connection", "event", value=0, waiting=1)
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=1), timeout=None) as client:
        for label in ("asks", "waits for a connection"):
            truth.awaits("main", label, "gather")
        await asyncio.gather(
            asks("asks", client, url), asks("waits for a connection", client, url)
        )


heard = []
truth.when(lambda: heard)
truth.run(main)
