"""Connections beneath TLS, datagrams and bare sockets, of either loop's own kinds."""
import asyncio
import fcntl
import os
import select
import socket
import ssl
import struct
import termios
import threading
import time

import truth

CERTIFICATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "certificate.pem")


def address(pair):
    return "%s:%d" % pair[:2]


# Linux's <linux/sockios.h>: of what a socket has to send, the bytes that have not
# been sent yet; `TIOCOUTQ` tells those with the ones that wait to be acknowledged.
SIOCOUTQNSD = 0x894B


def number(fd, request):
    return struct.unpack("i", fcntl.ioctl(fd, request, bytes(4)))[0]


def is_quiet():
    """Whether nothing more comes on the connections beneath TLS, or can be sent."""
    if len(handshakes) < 2 or set(descriptors) != {"read", "write"}:
        return False
    if any(number(fd, termios.FIONREAD) for fd in descriptors.values()):
        return False
    fd = descriptors["write"]
    to_send = number(fd, termios.TIOCOUTQ)
    return to_send == number(fd, SIOCOUTQNSD) > 0 and not select.select([], [fd], [], 0)[1]


def serve(listener):
    """Completes each handshake, and reads and says nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    while True:
        connection, _ = listener.accept()
        handshakes.append(context.wrap_socket(connection, server_side=True))


def trusting():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def tls(label, port, action):
    truth.mark(label)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting())
    sock = writer.get_extra_info("socket")
    descriptors[action] = sock.fileno()
    truth.waits(
        label, "stream", action=action, id=writer.transport, family="tcp", fd=sock.fileno(),
        local=address(sock.getsockname()), peer="127.0.0.1:%d" % port,
    )
    if action == "read":
        await reader.readline()
    while True:
        writer.write(bytes(1 << 20))
        await writer.drain()


class Client(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    async def ask(self):
        self.answer = truth.forever()
        # Who gives up has the future too, as a database's driver does.
        asyncio.get_running_loop().call_later(500, self.give_up, self.answer)
        await self.answer

    def give_up(self, answer):
        answer.cancel()

    async def pause(self):
        over = truth.forever()
        asyncio.get_running_loop().call_later(400, over.set_result, None)
        await over


async def datagram(label, **where):
    truth.mark(label)
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_datagram_endpoint(Client, **where)
    sock = transport.get_extra_info("socket")
    truth.waits(
        label, "stream", action="read", family="udp", name="Client.answer", fd=sock.fileno(),
        local=address(sock.getsockname()), peer=where.get("remote_addr") and address(where["remote_addr"]),
    )
    kept.append(client)
    await client.ask()


async def pauses(port):
    truth.mark("pauses")
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_datagram_endpoint(
        Client, remote_addr=("127.0.0.1", port)
    )
    kept.append(client)
    truth.waits("pauses", "sleep", left=time.monotonic() + 400)
    await client.pause()


async def receives(sock):
    truth.mark("receives")
    truth.waits("receives", "socket", action="read", id=sock, family="unix", fd=sock.fileno(), local=None, peer=None)
    await asyncio.get_running_loop().sock_recv(sock, 10)


async def sends(sock):
    truth.mark("sends")
    truth.waits("sends", "socket", action="write", id=sock, family="unix", fd=sock.fileno(), local=None, peer=None)
    await asyncio.get_running_loop().sock_sendall(sock, bytes(1 << 26))


async def main():
    truth.mark("main")
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    port = listener.getsockname()[1]
    pairs = [socket.socketpair() for _ in range(2)]
    kept.extend(pairs)
    for pair in pairs:
        pair[0].setblocking(False)
    children = {
        "tls read": tls("tls read", port, "read"),
        "tls write": tls("tls write", port, "write"),
        "connected": datagram("connected", remote_addr=("127.0.0.1", port)),
        "bound": datagram("bound", local_addr=("127.0.0.1", 0)),
        "receives": receives(pairs[0][0]),
        "sends": sends(pairs[1][0]),
    }
    # Timers of uvloop do not tell what they complete.
    if truth.FLAVOURS.get("loop") != "uvloop":
        children["pauses"] = pauses(port)
    truth.when(lambda: len(truth._waits) == len(children) and is_quiet())
    for label in children:
        truth.awaits("main", label, "gather")
    await asyncio.gather(*children.values())


kept = []
handshakes = []
# Of each connection beneath TLS, by what it does.
descriptors = {}
truth.run(main)
