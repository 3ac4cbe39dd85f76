import asyncio, sys


async def leaf(event):
    await event.wait()


async def main():
    event = asyncio.Event()
    tasks = [asyncio.ensure_future(leaf(event)) for _ in range(COUNT)]
    loop = asyncio.get_running_loop()
    loop.call_soon(loop.call_soon, lambda: print("ready", flush=True))
    await asyncio.gather(*tasks)


asyncio.run(main())
