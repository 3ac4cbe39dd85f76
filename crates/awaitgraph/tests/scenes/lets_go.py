"""A task and a callback that compute, but let go of the loop again and again: nothing is wrong."""
import asyncio
import os
import threading

import truth


def compute():
    total = 0
    for i in range(100_000):
        total += i * i
    return total


async def works():
    while True:
        compute()
        await asyncio.sleep(0)


async def rests():
    await asyncio.get_running_loop().create_future()


class Ticker:
    def __init__(self, loop):
        self.loop = loop

    def tick(self):
        compute()
        self.loop.call_soon(self.tick)


async def main():
    loop = asyncio.get_running_loop()
    truth.here(loop)
    resting = asyncio.ensure_future(rests())
    threading.Thread(target=serve, daemon=True).start()
    if truth.FLAVOURS.get("by") == "callback":
        Ticker(loop).tick()
        await resting
    else:
        await works()


def serve():
    truth.report({"pid": os.getpid()})
    truth.stay()


truth.new_loop().run_until_complete(main())
