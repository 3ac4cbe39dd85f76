"""A driver that has the loop watch its socket, and waits for an event until then."""
import asyncio
import inspect
import socket

import truth
from psycopg import waiting


async def asks(label, sock, wanted):
    truth.mark(label)
    await waiting.wait_async(iter([wanted]), sock.fileno(), 900)


def full():
    """A socket that cannot be written to."""
    sock, other = socket.socketpair()
    sock.setblocking(False)
    kept.append((sock, other))
    try:
        while True:
            sock.send(bytes(1 << 16))
    except BlockingIOError:
        return sock


async def main():
    truth.mark("main")
    pair, writes = socket.socketpair(), full()
    kept.append(pair)
    # To 3.11 `wait_for` has a task of its own for the event.
    inline = "timeout_handle" not in inspect.getsource(asyncio.wait_for)
    tasks = {}
    for label, sock, action in (("asks", pair[0], "read"), ("sends", writes, "write")):
        before = asyncio.all_tasks()
        wanted = {"read": waiting.READ, "write": waiting.WRITE}[action]
        tasks[label] = asyncio.ensure_future(asks(label, sock, wanted))
        truth.awaits("main", label, "gather")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waits = label
        if not inline:
            waits = "event of " + label
            (of_event,) = asyncio.all_tasks() - before - {tasks[label]}
            truth.mark(waits, of_event)
            truth.awaits(label, waits, "wait_for")
        truth.waits(waits, "socket", action=action, family="unix", fd=sock.fileno())
    await asyncio.gather(*tasks.values())


kept = []
truth.run(main)
