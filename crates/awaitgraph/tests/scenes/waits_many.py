"""Thousands of tasks in few functions, each with an object of its own, and some that are not like the others."""
import asyncio
import time

import truth

COUNT = 2600


class Connection:
    def __init__(self, waiter):
        self.waiter = waiter

    async def answer(self):
        await self.waiter


class Crowded(Connection):
    """One with a dict of its own."""

    def __init__(self, waiter):
        self.__dict__["other"] = 1
        self.waiter = waiter


class Client:
    def __init__(self):
        self.pending = {}

    async def ask(self, future):
        await future


async def answers(connection):
    await connection.answer()


async def asks(client, future):
    await client.ask(future)


async def takes(queue):
    await queue.get()


async def is_told(event):
    await event.wait()


async def sleeps(seconds):
    await asyncio.sleep(seconds)


async def is_alone(future):
    await future


def add(label, coroutine, kind, **known):
    tasks.append(truth.child("main", label, coroutine, kind, **known))


def add_connection(number):
    one = (Crowded if number % 11 == 0 else Connection)(truth.forever())
    name = type(one).__name__ + ".waiter"
    add("connection %d" % number, answers(one), "future", id=one.waiter, name=name, held_by=[name], orphaned=None)


def add_request(number):
    future = client.pending[number] = truth.forever()
    name = "Client.pending[%d]" % number
    add("request %d" % number, asks(client, future), "future", id=future, name=name, held_by=[name], orphaned=None)


def add_queue(number):
    kind = asyncio.LifoQueue if number % 13 == 0 else asyncio.Queue
    queue = shared if number % 7 == 0 else kind(number % 5)
    known = dict(
        end="get", id=queue, name="queue", size=0, putters=0, bound=queue.maxsize or None, others=[],
        getters=sum(number % 7 == 0 for number in range(2, COUNT, 6)) if queue is shared else 1,
    )
    add("queue %d" % number, takes(queue), "queue", **known)


def add_event(number):
    event = asyncio.Event()
    add("event %d" % number, is_told(event), "event", id=event, name="event", waiting=1, value=0)


def add_sleep(number):
    # An int and a float.
    seconds = 3600 + number if number % 2 else 3600.5 + number
    add("sleep %d" % number, sleeps(seconds), "sleep", left=time.monotonic() + seconds)


def add_alone(number):
    future = truth.forever()
    # Of one or the other something may still be in the hands of who gathers the truth.
    known = dict(name="future")
    if number % 17 == 0:
        hidden.append([[future.set_result]])
        known = dict(orphaned=None)
    add("alone %d" % number, is_alone(future), "future", **known)


async def main():
    global shared
    truth.mark("main")
    shared = asyncio.Queue()
    kinds = [add_connection, add_request, add_queue, add_event, add_sleep, add_alone]
    for number in range(COUNT):
        kinds[number % len(kinds)](number)
    await asyncio.gather(*tasks)


tasks, hidden, client = [], [], Client()
truth.run(main)
