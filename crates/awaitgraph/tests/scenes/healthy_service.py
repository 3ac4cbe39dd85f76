"""A service under load, in which nothing is wrong: everything it waits for comes.

Its tasks take locks (always in the same order), semaphores and conditions, pass
jobs through queues with a bound, gather, shield, wait with and without a time
limit, talk over sockets, have threads compute, and compute themselves.
`--load=computing` has it compute nearly all the time.
"""
import asyncio
import functools
import itertools
import os
import threading

import truth

COMPUTING = truth.FLAVOURS.get("load") == "computing"


def compute(rounds):
    return sum(i * i for i in range(rounds))


class Service:
    def __init__(self):
        self.jobs = asyncio.Queue(4)
        self.results = asyncio.Queue(2)
        self.locks = [asyncio.Lock() for _ in range(3)]
        self.slots = asyncio.Semaphore(2)
        self.changed = asyncio.Condition()
        self.numbers = itertools.count()

    async def produce(self):
        while True:
            await self.jobs.put(next(self.numbers))

    async def work(self):
        while True:
            number = await self.jobs.get()
            try:
                await self.one(number)
            finally:
                self.jobs.task_done()
            await self.results.put(number)

    async def one(self, number):
        first, second = sorted((number % 3, (number + 1) % 3))
        async with self.locks[first], self.locks[second]:
            await asyncio.sleep(0)
            compute(20_000 if COMPUTING else 500)
        async with self.slots:
            await asyncio.gather(*[self.part(number) for _ in range(3)])
        await asyncio.wait_for(asyncio.shield(self.part(number)), 30)
        done, _ = await asyncio.wait(
            [asyncio.ensure_future(self.part(number)) for _ in range(2)],
            return_when=asyncio.FIRST_COMPLETED,
        )
        async with self.changed:
            self.changed.notify_all()

    async def part(self, number):
        await asyncio.sleep(0 if number % 2 else 0.001)
        return number

    async def consume(self):
        while True:
            await self.results.get()
            try:
                await asyncio.wait_for(self.change(), 0.01)
            except asyncio.TimeoutError:
                pass

    async def change(self):
        async with self.changed:
            await self.changed.wait()

    async def call_threads(self):
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(None, functools.partial(compute, 2_000))

    async def echo(self, reader, writer):
        while True:
            writer.write(await reader.readline())
            await writer.drain()

    async def talk(self, path):
        reader, writer = await asyncio.open_unix_connection(path)
        while True:
            writer.write(b"hello\n")
            await reader.readline()


async def main():
    service = Service()
    path = "\0awaitgraph-%d" % os.getpid()
    server = await asyncio.start_unix_server(service.echo, path)
    roles = [service.produce] * 3 + [service.work] * 8 + [service.consume] * 2
    roles += [service.call_threads] + [functools.partial(service.talk, path)] * 3
    tasks = [asyncio.ensure_future(role()) for role in roles]
    await asyncio.sleep(0.1)
    truth.here(asyncio.get_running_loop())
    threading.Thread(target=serve, daemon=True).start()
    await asyncio.gather(server.serve_forever(), *tasks)


def serve():
    truth.report({"pid": os.getpid()})
    truth.stay()


asyncio.run(main())
