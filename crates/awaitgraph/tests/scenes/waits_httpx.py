"""httpx: who waits for an answer waits at a connection, and the next one for the pool's."""
import asyncio
import socket
import threading

import httpx

import truth


async def asks(label, client, url):
    truth.mark(label)
    parked.append(label)
    await client.get(url)


async def inside(label, client, url):
    truth.mark(label)
    async with client.stream("GET", url + "part"):
        parked.append(label)
        await truth.forever()


async def reads(label, client, url):
    truth.mark(label)
    async with client.stream("GET", url + "part") as answer:
        parked.append(label)
        await answer.aread()


async def by_hand(label, client, url):
    truth.mark(label)
    answer = await client.send(client.build_request("GET", url + "part"), stream=True)
    parked.append(label)
    await truth.forever()
    await answer.aclose()


async def in_a_list(label, client, url):
    truth.mark(label)
    kept.append(await client.send(client.build_request("GET", url + "part"), stream=True))
    parked.append(label)
    await truth.forever()


def hear(listener):
    while True:
        connection, _ = listener.accept()
        request = connection.recv(1000)
        if b"/part" in request:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
        heard.append((connection, request))


async def main():
    truth.mark("main")
    silent = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=hear, args=(silent,), daemon=True).start()
    port = silent.getsockname()[1]
    url = "http://127.0.0.1:%d/" % port
    children = []

    async def begin(label, make, client):
        truth.awaits("main", label, "gather")
        children.append(asyncio.ensure_future(make(label, client, url)))
        while label not in parked:
            await asyncio.sleep(0)

    def client(connections):
        limits = httpx.Limits(max_connections=connections)
        return httpx.AsyncClient(limits=limits, timeout=httpx.Timeout(None, pool=1000))

    async with client(4) as shared, client(2) as leaky:
        ways = [inside, reads, by_hand, asks]
        labels = [make.__name__.replace("_", " ") for make in ways]
        for label, make in zip(labels, ways):
            await begin(label, make, shared)
        for label in ("reads", "asks"):
            truth.waits(label, "stream", action="read", family="tcp", peer="127.0.0.1:%d" % port)
        for label in ("waits for a connection", "waits, too"):
            await begin(label, asks, shared)
            truth.waits(
                label, "pool", id=shared._transport._pool, name="AsyncHTTPTransport._pool", lent=4,
                bound=4, waiting=2, holders=labels, more_holders=None,
            )
        await begin("in a list", in_a_list, leaky)
        await begin("leaky", inside, leaky)
        await begin("waits for long", asks, leaky)
        truth.waits(
            "waits for long", "pool", lent=2, bound=2, waiting=1, holders=["leaky"], more_holders=True
        )
        await asyncio.gather(*children)


heard, kept, parked = [], [], []
truth.when(lambda: len(heard) == 6)
truth.run(main)
