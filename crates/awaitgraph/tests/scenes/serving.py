"""A server that answers each line with its double, after a step or two."""
import asyncio
import os
import threading

import truth


async def double(line):
    await asyncio.sleep(0.0005)
    return line + line


async def connection(reader, writer):
    while True:
        line = await reader.readline()
        if not line:
            break
        answer = await asyncio.ensure_future(double(line.strip()))
        writer.write(answer + b"\n")
        await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    truth.here(asyncio.get_running_loop())
    threading.Thread(target=serve, args=(port,), daemon=True).start()
    await asyncio.Event().wait()


def serve(port):
    truth.report({"pid": os.getpid(), "port": port})
    truth.stay()


asyncio.run(main())
