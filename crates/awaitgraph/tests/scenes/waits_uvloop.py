"""Streams whose transports may be uvloop's, which are written in C."""
import asyncio
import socket

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


async def main():
    truth.mark("main")
    silent = socket.create_server(("127.0.0.1", 0))
    await asyncio.gather(reads(silent.getsockname()[1]))


truth.awaits("main", "reads", "gather")
truth.when(lambda: truth._waits)
truth.run(main)
