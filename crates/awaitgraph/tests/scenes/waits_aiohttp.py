"""aiohttp: who waits for an answer, and who for a request, waits at a connection; who waits for one
of a connector's is told who has them, and until when all of them wait."""
import asyncio

import aiohttp

import truth


class Connector(aiohttp.TCPConnector):
    async def _create_connection(self, request, *rest):
        if request.url.path == "/never":
            parked.append("connects")
            await truth.forever()
        return await super()._create_connection(request, *rest)


async def asks(label, session, url):
    truth.mark(label)
    port = int(url.split(":")[2].split("/")[0])
    truth.waits(
        label, "stream", action="read", family="tcp", peer="127.0.0.1:%d" % port, deadline=end_of(label)
    )
    await session.get(url, timeout=limit_of(label))


async def connects(label, session, url):
    truth.mark(label)
    await session.get(url + "never")


async def inside(label, session, url):
    truth.mark(label)
    async with session.get(url + "part"):
        await park(label)


async def reads(label, session, url):
    truth.mark(label)
    answer = await session.get(url + "part", timeout=limit_of(label))
    truth.waits(label, "stream", action="read", family="tcp", deadline=end_of(label))
    parked.append(label)
    await answer.text()


async def by_hand(label, session, url):
    truth.mark(label)
    answer = await session.get(url + "part")
    await park(label)
    answer.close()


async def read_all(label, session, url):
    """Has given back the connection already, with the end of the answer."""
    truth.mark(label)
    async with session.get(url + "all") as answer:
        await answer.text()
        await park(label)


async def in_a_list(label, session, url):
    truth.mark(label)
    kept.append(await session.get(url + "part"))
    await park(label)


async def queues(label, session, url):
    truth.mark(label)
    parked.append(label)
    await session.get(url, timeout=limit_of(label))


def limit_of(label):
    limits.append(label)
    return aiohttp.ClientTimeout(total=1000 * (limits.index(label) + 1))


def end_of(label):
    """When the timer calls that ends the request, where the loop tells its timers."""

    def end():
        for timer in getattr(loop, "_scheduled", ()):
            handle = getattr(timer._callback, "__self__", None)
            if getattr(handle, "_timeout", None) == limit_of(label).total:
                return timer.when()
        return None

    return end


async def park(label):
    parked.append(label)
    await truth.forever()


async def main():
    global loop
    truth.mark("main")
    loop = asyncio.get_event_loop()
    silent = await asyncio.start_server(serves, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    url = "http://127.0.0.1:%d/" % port
    other = await asyncio.start_server(serves, "127.0.0.1", 0)
    other_url = "http://127.0.0.1:%d/" % other.sockets[0].getsockname()[1]
    children = []

    async def begin(label, make, session, url):
        truth.awaits("main", label, "gather")
        children.append(asyncio.ensure_future(make(label, session, url)))
        if make is not asks:
            while label not in parked:
                await asyncio.sleep(0)

    def connector(**limits):
        return aiohttp.ClientSession(connector=Connector(**limits))

    async with connector(limit=5) as shared, connector(limit_per_host=1) as by_host, \
            connector(limit=3) as leaky:
        await begin("reads all", read_all, shared, url)
        ways = [connects, inside, reads, by_hand, asks]
        labels = [make.__name__.replace("_", " ") for make in ways]
        for label, make in zip(labels, ways):
            await begin(label, make, shared, url)
        for label in ("third", "fourth"):
            await begin(label, queues, shared, other_url)
            truth.waits(
                label, "pool", id=shared.connector, name="ClientSession._connector", lent=5, bound=5,
                waiting=2, holders=labels, more_holders=None, deadline=end_of(label),
            )
        await begin("asks host", asks, by_host, url)
        await begin("asks other", asks, by_host, other_url)
        for label, holder, it in (("waits", "asks host", url), ("waits other", "asks other", other_url)):
            await begin(label, queues, by_host, it)
            truth.waits(
                label, "pool", id=by_host.connector, lent=1, bound=1, waiting=1, holders=[holder],
                more_holders=None,
            )
        await begin("kept", in_a_list, leaky, url)
        await begin("leaky 1", inside, leaky, url)
        await begin("leaky 2", inside, leaky, url)
        await begin("queues leaky", queues, leaky, url)
        truth.waits(
            "queues leaky", "pool", lent=3, bound=3, holders=["leaky 1", "leaky 2"], more_holders=True
        )
        truth.when(lambda: len(heard) == 3)
        await asyncio.gather(*children)


async def serves(reader, writer):
    while True:
        request = await reader.readuntil(b"\r\n\r\n")
        if b"/part" in request:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
        elif b"/all" in request:
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nall")
        else:
            truth.mark("serves %d" % len(heard))
            sock = writer.get_extra_info("socket")
            truth.waits(
                "serves %d" % len(heard), "stream", action="read", family="tcp", fd=sock.fileno(),
                peer="%s:%d" % sock.getpeername(),
            )
            heard.append(request)


heard, limits, kept, parked = [], [], [], []
truth.run(main)
