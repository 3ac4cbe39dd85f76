"""Streams, sockets, servers and pipes: descriptors, addresses, and what is buffered."""
import asyncio
import os
import socket
import tempfile

import truth


def address(pair):
    host, port = pair[:2]
    return "%s:%d" % ("[%s]" % host if ":" in host else host, port)


async def serves(reader, writer):
    label = "connection %d" % sum(label.startswith("connection") for label in truth._marks)
    truth.mark(label)
    transport = writer.transport
    truth.waits(
        label, "stream", action="read", id=transport, family="tcp", buffered=3,
        fd=transport.get_extra_info("socket").fileno(),
        local=address(transport.get_extra_info("sockname")),
        peer=address(transport.get_extra_info("peername")),
    )
    await reader.readexactly(4)


async def reads(port):
    truth.mark("reads")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"abc")
    truth.waits(
        "reads", "stream", action="read", id=writer.transport, buffered=0, family="tcp",
        name="reader",
        fd=writer.get_extra_info("socket").fileno(),
        local=address(writer.get_extra_info("sockname")),
        peer="127.0.0.1:%d" % port,
    )
    await reader.readline()


async def writes(port):
    truth.mark("writes")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(bytes(1 << 26))
    truth.waits(
        "writes", "stream", action="write", id=writer.transport, family="tcp",
        buffered=writer.transport.get_write_buffer_size,
        peer="127.0.0.1:%d" % port,
    )
    await writer.drain()


async def closes(port):
    truth.mark("closes")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(bytes(1 << 26))
    writer.close()
    truth.waits(
        "closes", "stream", action="close", id=writer.transport, name="writer",
        buffered=writer.transport.get_write_buffer_size,
    )
    await writer.wait_closed()


async def serves_forever(server):
    truth.mark("serves")
    truth.waits(
        "serves", "server", action="accept", id=server, name="server", family="tcp",
        fd=server.sockets[0].fileno(), local=address(server.sockets[0].getsockname()), peer=None,
    )
    async with server:
        await server.serve_forever()


async def receives(sock):
    truth.mark("receives")
    truth.waits("receives", "socket", action="read", id=sock, name="sock", family="unix", fd=sock.fileno())
    await asyncio.get_running_loop().sock_recv(sock, 10)


async def accepts(listener):
    truth.mark("accepts")
    truth.waits(
        "accepts", "socket", action="accept", id=listener, name="listener", family="tcp",
        fd=listener.fileno(), local=address(listener.getsockname()), peer=None,
    )
    await asyncio.get_running_loop().sock_accept(listener)


async def watches(descriptor):
    truth.mark("watches")
    loop, future = asyncio.get_running_loop(), truth.forever()
    loop.add_reader(descriptor, future.set_result, None)
    truth.waits("watches", "socket", action="read", family="pipe", fd=descriptor)
    await future


async def reads_pipe(descriptor):
    truth.mark("reads pipe")
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    truth.waits("reads pipe", "stream", action="read", id=transport, family="pipe", fd=descriptor)
    await reader.read(1)


async def reads_unix(path):
    truth.mark("reads unix")
    reader, writer = await asyncio.open_unix_connection(path)
    truth.waits(
        "reads unix", "stream", action="read", family="unix", peer=path,
        fd=writer.get_extra_info("socket").fileno(),
    )
    await reader.read(1)


class Client(asyncio.Protocol):
    """A driver of a database, as they are."""

    def connection_made(self, transport):
        self.transport = transport

    async def ask(self):
        self.answer = truth.forever()
        await self.answer


async def asks(port):
    truth.mark("asks")
    transport, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
    client.transport.write(b"abc")
    truth.waits(
        "asks", "stream", action="read", id=transport, family="tcp", peer="127.0.0.1:%d" % port,
        fd=transport.get_extra_info("socket").fileno(), name="Client.answer",
    )
    await client.ask()


async def main():
    truth.mark("main")
    server = await asyncio.start_server(serves, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    quiet, other = socket.socketpair()
    listener, silent = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    for sock in (quiet, listener):
        sock.setblocking(False)
    pipes = [os.pipe() for _ in range(2)]
    path = os.path.join(tempfile.mkdtemp(), "socket")
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(path)
    unix.listen()
    kept.extend([other, unix, silent])
    children = {
        "serves": serves_forever(server),
        "reads": reads(port),
        "writes": writes(silent.getsockname()[1]),
        "closes": closes(silent.getsockname()[1]),
        "receives": receives(quiet),
        "accepts": accepts(listener),
        "watches": watches(pipes[0][0]),
        "reads pipe": reads_pipe(pipes[1][0]),
        "reads unix": reads_unix(path),
        "asks": asks(port),
    }
    truth.when(lambda: len(truth._marks) == len(children) + 3)
    for label in children:
        truth.awaits("main", label, "gather")
    await asyncio.gather(*children.values())


kept = []
truth.run(main)
