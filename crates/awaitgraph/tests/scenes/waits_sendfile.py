"""Files that are sent: through a transport, and by a socket. A transport's own attribute is no name."""
import asyncio
import os
import socket
import tempfile

import truth


async def by_transport(transport, file):
    truth.mark("by transport")
    await asyncio.get_running_loop().sendfile(transport, file)


async def by_writer(writer, file):
    truth.mark("by writer")
    await asyncio.get_running_loop().sendfile(writer.transport, file)


class Sender:
    def __init__(self, sock):
        self._sock = sock

    async def send(self, file):
        truth.mark("by socket")
        await asyncio.get_running_loop().sock_sendfile(self._sock, file)


def pair():
    near, far = socket.socketpair()
    near.setblocking(False)
    kept.append(far)
    return near


async def opened():
    near = pair()
    descriptors.append(near.fileno())
    _, writer = await asyncio.open_connection(sock=near)
    return writer


async def main():
    truth.mark("main")
    file = tempfile.TemporaryFile()
    file.write(bytes(8 << 20))
    file.flush()
    writers = [await opened(), await opened()]
    sender = Sender(pair())
    known = dict(action="write", family="unix")
    truth.waits("by transport", "socket", name=None, fd=descriptors[0], **known)
    truth.waits("by writer", "socket", name=None, fd=descriptors[1], **known)
    truth.waits("by socket", "socket", name="Sender._sock", fd=sender._sock.fileno(), **known)
    for child in ("by transport", "by writer", "by socket"):
        truth.awaits("main", child, "gather")
    await asyncio.gather(
        by_transport(writers[0].transport, file),
        by_writer(writers[1], open(os.dup(file.fileno()), "rb")),
        sender.send(open(os.dup(file.fileno()), "rb")),
    )


kept, descriptors = [], []
truth.run(main)
