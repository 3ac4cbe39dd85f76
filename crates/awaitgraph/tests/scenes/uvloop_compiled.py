"""Coroutines of uvloop, which Cython has compiled, as a task and in the middle of a stack."""
import asyncio
import socket

import truth


async def receive(loop, stream):
    return await loop.sock_recv(stream, 1)


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    streams = [stream for _ in range(2) for stream in socket.socketpair()]
    for stream in streams:
        stream.setblocking(False)
    ways = [loop.sock_recv(streams[0], 1), receive(loop, streams[2])]
    tasks = [loop.create_task(way) for way in ways]
    for number, task in enumerate(tasks):
        truth.mark("way-%d" % number, task)
        truth.awaits("main", "way-%d" % number, "gather")
    await asyncio.gather(*tasks)


truth.stack("way-0", "sock_recv")
truth.stack("way-1", "sock_recv", "receive")
truth.run(main)
