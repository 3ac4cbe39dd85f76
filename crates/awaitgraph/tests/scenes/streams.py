"""A server and its clients, all reading: nobody awaits the tasks of the connections."""
import asyncio

import truth


async def serve(reader, writer):
    truth.mark("connection %d" % len(truth._marks))
    await reader.readline()


async def client(port):
    truth.mark("client")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readexactly(10)


async def main():
    truth.mark("main")
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    task = asyncio.ensure_future(client(port))
    async with server:
        await server.serve_forever()
    await task


truth.when(lambda: len(truth._marks) == 3)
truth.run(main)
