"""Streams whose transports may be uvloop's, which are written in C."""
import asyncio
import os
import socket
import ssl
import tempfile
import threading

import truth


async def reads(port):
    truth.mark("reads")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sock = writer.get_extra_info("socket")
    truth.waits(
        "reads", "stream", action="read", family="tcp", fd=sock.fileno(), buffered=0,
        local="%s:%d" % writer.get_extra_info("sockname"), peer="127.0.0.1:%d" % port,
    )
    await reader.readline()


async def shakes_hands(port):
    """With a server that says nothing: only the loop's own coroutine has the transport."""
    truth.mark("shakes hands")
    truth.waits("shakes hands", "stream", action="connect", family="tcp", peer="127.0.0.1:%d" % port)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    await asyncio.open_connection("127.0.0.1", port, ssl=context, ssl_handshake_timeout=900)


async def serves(label, **where):
    truth.mark(label)
    if "path" in where:
        server = await asyncio.start_unix_server(None, **where)
    else:
        server = await asyncio.start_server(None, **where)
    (sock,) = server.sockets
    name = sock.getsockname()
    truth.waits(
        label, "server", action="accept", fd=sock.fileno(), id=server, name="server",
        family="unix" if "path" in where else "tcp",
        local=name if "path" in where else "%s:%d" % name,
    )
    await server.serve_forever()


def hear(listener):
    connection, _ = listener.accept()
    heard.append((connection, connection.recv(1)))


async def main():
    truth.mark("main")
    silent = socket.create_server(("127.0.0.1", 0))
    other = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=hear, args=(other,), daemon=True).start()
    children = {
        "reads": reads(silent.getsockname()[1]),
        "shakes hands": shakes_hands(other.getsockname()[1]),
        "serves": serves("serves", host="127.0.0.1", port=0),
        "serves by path": serves("serves by path", path=os.path.join(tempfile.mkdtemp(), "socket")),
    }
    for label in children:
        truth.awaits("main", label, "gather")
    await asyncio.gather(*children.values())


heard = []
truth.when(lambda: heard and len(truth._waits) == 4)
truth.run(main)
