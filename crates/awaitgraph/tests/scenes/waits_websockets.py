"""websockets: both ends wait at their connections, whoever waits inside of them."""
import asyncio
import socket

import websockets.asyncio.client as client
import websockets.asyncio.server as server

import truth

QUIET = dict(ping_interval=None, compression=None, open_timeout=None, close_timeout=None)


def at(label, connection, action):
    sock = connection.transport.get_extra_info("socket")
    truth.waits(
        label, "stream", action=action, family="tcp", id=connection.transport, fd=sock.fileno(),
        local="%s:%d" % sock.getsockname(), peer="%s:%d" % sock.getpeername(),
    )


async def serves(connection):
    label = connection.request.path.strip("/") + " of server"
    truth.mark(label)
    served.append(label)
    if label.startswith("sends"):
        # Reads nothing.
        await truth.forever()
    at(label, connection, "read")
    async for _ in connection:
        pass


async def receives(label, port):
    truth.mark(label)
    async with client.connect("ws://127.0.0.1:%d/%s" % (port, label), **QUIET) as connection:
        at(label, connection, "read")
        await connection.recv()


async def sends(label, port):
    truth.mark(label)
    # Of this size the kernel leaves them, so that what is full stays full.
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    sock.connect(("127.0.0.1", port))
    sock.setblocking(False)
    path = "ws://127.0.0.1:%d/%s" % (port, label)
    async with client.connect(path, sock=sock, **QUIET) as connection:
        at(label, connection, "write")
        while True:
            await connection.send(bytes(1 << 20))


async def ends(label, port):
    truth.mark(label)
    async with client.connect("ws://127.0.0.1:%d/%s" % (port, label), **QUIET) as connection:
        at(label, connection, "close")
        await connection.wait_closed()


async def connects(label, port):
    truth.mark(label)
    truth.waits(label, "stream", action="read", family="tcp", peer="127.0.0.1:%d" % port)
    await client.connect("ws://127.0.0.1:%d" % port, **QUIET)


async def says_nothing(reader, writer):
    truth.mark("silent")
    kept.append(writer)
    served.append("silent")
    await truth.forever()


async def main():
    truth.mark("main")
    truth.when(lambda: len(served) == 4)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    sock.bind(("127.0.0.1", 0))
    listening = await server.serve(serves, sock=sock, **QUIET)
    silent = await asyncio.start_server(says_nothing, "127.0.0.1", 0)
    kept.extend([listening, silent])
    port, silent_port = [next(iter(it.sockets)).getsockname()[1] for it in (listening, silent)]
    children = {
        "receives": receives("receives", port),
        "sends": sends("sends", port),
        "ends": ends("ends", port),
        "connects": connects("connects", silent_port),
    }
    for label in children:
        truth.awaits("main", label, "gather")
    await asyncio.gather(*children.values())


kept = []
served = []
truth.run(main)
