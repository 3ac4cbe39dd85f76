"""A task blocks the loop in synchronous functions, one calling another; others wait."""
import asyncio

import truth


def read():
    truth.block()


class Client:
    def fetch(self, depth):
        if depth:
            return self.fetch(depth - 1)
        return read()


async def handler():
    truth.mark("handler")
    Client().fetch(3)


async def waits():
    truth.mark("waits")
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.gather(waits(), handler())


truth.awaits("main", "handler", "gather")
truth.awaits("main", "waits", "gather")
truth.state("handler", "running")
truth.stack("handler", "block", "read", "fetch", "fetch", "fetch", "fetch", "handler")
truth.run(main)
