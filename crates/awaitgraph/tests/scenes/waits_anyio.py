"""anyio: its primitives, sockets and threads end in asyncio's, and are told by their own."""
import asyncio
import os
import socket
import sys
import tempfile
import threading
import time

import anyio
import anyio.to_thread

import truth

threads = {}


async def holds(label, lock):
    truth.mark(label)
    async with lock:
        await truth.forever()


async def waits(label, lock):
    truth.mark(label)
    async with lock:
        pass


async def waits_for_event(event):
    truth.mark("event")
    await event.wait()


async def waits_for_condition(condition, label="condition"):
    truth.mark(label)
    async with condition:
        await condition.wait()


async def receives(stream):
    truth.mark("receives")
    await stream.receive()


async def sends(stream):
    truth.mark("sends")
    while True:
        await stream.send(1)


async def sends_on(label, stream):
    truth.mark(label)
    while True:
        await stream.send(1)


async def receives_on(label, stream):
    truth.mark(label)
    async for _ in stream:
        await truth.forever()


async def sends_later(stream):
    truth.mark("sends later")
    await truth.forever()
    await stream.send(1)


async def connects(port):
    truth.mark("connects")
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        sock = stream.extra(anyio.abc.SocketAttribute.raw_socket)
        truth.waits(
            "connects", "stream", action="read", family="tcp", fd=sock.fileno(),
            local="%s:%d" % sock.getsockname()[:2], peer="127.0.0.1:%d" % port,
        )
        await stream.receive()


async def accepts(listener):
    truth.mark("accepts")
    sock = listener.extra(anyio.abc.SocketAttribute.raw_socket)
    truth.waits(
        "accepts", "socket", action="accept", family="tcp", fd=sock.fileno(), peer=None,
        local="%s:%d" % sock.getsockname()[:2],
    )
    await listener.accept()


async def accepts_unix(path):
    truth.mark("accepts unix")
    listener = await anyio.create_unix_listener(path)
    sock = listener.extra(anyio.abc.SocketAttribute.raw_socket)
    truth.waits("accepts unix", "socket", action="accept", family="unix", fd=sock.fileno(), local=path)
    await listener.accept()


async def receives_datagrams():
    truth.mark("receives datagrams")
    async with await anyio.create_udp_socket(local_host="127.0.0.1") as udp:
        sock = udp.extra(anyio.abc.SocketAttribute.raw_socket)
        truth.waits(
            "receives datagrams", "stream", action="read", family="udp", fd=sock.fileno(),
            local="%s:%d" % sock.getsockname()[:2], peer=None,
        )
        await udp.receive()


async def of_process():
    truth.mark("of process")
    process = await anyio.open_process([sys.executable, "-c", "input()"])
    truth.waits("of process", "subprocess", pid=process.pid, alive=True)
    await process.wait()


def works():
    threads["thread"] = threading.get_native_id()
    truth.block()


async def in_thread():
    truth.mark("in thread")
    truth.waits(
        "in thread", "executor", thread=lambda: threads["thread"], function="works",
        stack=["block", "works"],
    )
    await anyio.to_thread.run_sync(works)


async def in_thread_later(limiter):
    truth.mark("in thread later")
    # Before it has a thread it waits for leave to have one.
    truth.waits(
        "in thread later", "semaphore", id=limiter, name="limiter", value=0, bound=1, waiting=1,
        holders=["has the limit"],
    )
    await anyio.to_thread.run_sync(works, limiter=limiter)


async def receives_by_path(path):
    truth.mark("receives by path")
    async with await anyio.create_unix_datagram_socket(local_path=path) as udp:
        sock = udp.extra(anyio.abc.SocketAttribute.raw_socket)
        truth.waits(
            "receives by path", "socket", action="read", id=sock, family="unix",
            fd=sock.fileno(), local=path,
        )
        await udp.receive()


async def limited():
    truth.mark("limited")
    with anyio.move_on_after(500):
        truth.waits("limited", "sleep", left=time.monotonic() + 900, deadline=time.monotonic() + 500)
        await anyio.sleep(900)


async def shielded():
    truth.mark("shielded")
    truth.waits("shielded", "sleep", left=time.monotonic() + 900, deadline=None)
    with anyio.move_on_after(500):
        with anyio.CancelScope(shield=True):
            await anyio.sleep(900)


async def limited_in_shield():
    truth.mark("limited in shield")
    with anyio.move_on_after(500), anyio.CancelScope(shield=True):
        truth.waits("limited in shield", "sleep", deadline=time.monotonic() + 700)
        with anyio.move_on_after(700):
            await anyio.sleep(900)


async def main():
    truth.mark("main")
    children = {}
    # First, as this task waits itself while it makes the others.
    truth.when(lambda: "thread" in threads and len(truth._waits) == 23 + by_path)

    lock = anyio.Lock()
    children["holder"] = holds("holder", lock)
    children["lock"] = waits("lock", lock)
    truth.waits("lock", "lock", id=lock, name="lock", value=1, waiting=1, holders=["holder"])

    semaphore = anyio.Semaphore(1, max_value=1)
    children["one"] = holds("one", semaphore)
    children["semaphore"] = waits("semaphore", semaphore)
    truth.waits("semaphore", "semaphore", id=semaphore, value=0, bound=1, waiting=1, holders=["one"])

    limiter = anyio.CapacityLimiter(1)
    children["borrower"] = holds("borrower", limiter)
    children["limiter"] = waits("limiter", limiter)
    truth.waits("limiter", "semaphore", id=limiter, value=0, bound=1, waiting=1, holders=["borrower"])

    event, condition = anyio.Event(), anyio.Condition()
    children["event"] = waits_for_event(event)
    truth.waits("event", "event", id=event, name="event", value=0, waiting=1)
    children["condition"] = waits_for_condition(condition)
    truth.waits("condition", "condition", id=condition, name="condition", value=0, waiting=1, holders=[])

    busy = anyio.Condition()
    for label in ("notified", "as notified"):
        children[label] = waits_for_condition(busy, label)
        truth.waits(label, "condition", id=busy, value=1, waiting=2, holders=["inside"])
    children["inside"] = holds("inside", busy)
    children["enters"] = waits("enters", busy)
    truth.waits("enters", "condition", id=busy, value=1, waiting=1, holders=["inside"])

    _, receiver = empty = anyio.create_memory_object_stream(0)
    sender, _ = full = anyio.create_memory_object_stream(2)
    kept.extend([empty, full])
    children["receives"] = receives(receiver)
    truth.waits("receives", "queue", end="get", id=receiver, name="stream", size=0, getters=1, putters=0)
    children["sends"] = sends(sender)
    truth.waits("sends", "queue", end="put", id=sender, size=2, bound=2, getters=0, putters=1)

    # Who is at the other end, by whichever of its clones.
    sender, receiver = pipe = anyio.create_memory_object_stream(0)
    children["sends on"] = sends_on("sends on", sender)
    children["receives on"] = receives_on("receives on", receiver.clone())
    receiver.close()
    truth.waits("sends on", "queue", end="put", id=sender, size=0, bound=0, others=["receives on"])
    sender, receiver = other = anyio.create_memory_object_stream(0)
    children["receives one"] = receives_on("receives one", receiver)
    children["sends later"] = sends_later(sender)
    truth.waits("receives one", "queue", end="get", id=receiver, others=["sends later"])
    # One that somebody may receive from whom nobody sees.
    sender, receiver = shared = anyio.create_memory_object_stream(0)
    kept.extend([pipe, other, shared])
    children["sends to any"] = sends_on("sends to any", sender)
    children["receives from any"] = receives_on("receives from any", receiver.clone())
    truth.waits("sends to any", "queue", end="put", id=sender, others=[])
    del receiver

    silent = socket.create_server(("127.0.0.1", 0))
    kept.append(silent)
    children["connects"] = connects(silent.getsockname()[1])
    listeners = await anyio.create_tcp_listener(local_host="127.0.0.1")
    children["accepts"] = accepts(listeners.listeners[0])
    children["accepts unix"] = accepts_unix(os.path.join(tempfile.mkdtemp(), "socket"))
    children["receives datagrams"] = receives_datagrams()
    children["of process"] = of_process()
    children["in thread"] = in_thread()
    children["limited"] = limited()
    children["shielded"] = shielded()
    children["limited in shield"] = limited_in_shield()
    few = anyio.CapacityLimiter(1)
    children["has the limit"] = holds("has the limit", few)
    children["in thread later"] = in_thread_later(few)
    if by_path:
        children["receives by path"] = receives_by_path(os.path.join(tempfile.mkdtemp(), "socket"))
    for label in children:
        truth.awaits("main", label, "gather")
    await asyncio.gather(*children.values())


kept = []
# From anyio 4.1 on.
by_path = hasattr(anyio, "create_unix_datagram_socket")
truth.run(main)
