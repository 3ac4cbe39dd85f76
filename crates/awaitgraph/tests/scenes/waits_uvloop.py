"""Streams whose transports may be uvloop's, which are written in C."""
import asyncio
import socket
import ssl
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


def hear(listener):
    connection, _ = listener.accept()
    heard.append((connection, connection.recv(1)))


async def main():
    truth.mark("main")
    silent = socket.create_server(("127.0.0.1", 0))
    other = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=hear, args=(other,), daemon=True).start()
    await asyncio.gather(reads(silent.getsockname()[1]), shakes_hands(other.getsockname()[1]))


heard = []
truth.awaits("main", "reads", "gather")
truth.awaits("main", "shakes hands", "gather")
truth.when(lambda: heard and len(truth._waits) == 2)
truth.run(main)
