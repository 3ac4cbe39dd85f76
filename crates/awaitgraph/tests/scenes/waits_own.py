"""Tasks in the same functions, each with an object of its own: some with more than it seems."""
import asyncio
import concurrent.futures
import socket
import threading

import truth


class Connection:
    async def answer(self):
        await self.waiter


class Slotted(Connection):
    __slots__ = ("waiter",)


class Linked(Connection):
    """One that has a transport."""


class Crowded(Connection):
    """One with a dict of its own, which has another order."""

    def __init__(self):
        self.__dict__["other"] = 1


class Link:
    """What asks by another object."""

    async def ask(self, connection):
        await connection.waiter


class Tied(Link):
    """One that has a transport, and so waits at that."""


class Client:
    def __init__(self):
        self.pending = {}

    async def ask(self, number, future):
        await future


class Inbox:
    def __init__(self, queue):
        self.queue = queue


async def asks(connection):
    await connection.answer()


async def asks_by(link, connection):
    await link.ask(connection)


async def asks_by_number(client, number, future):
    await client.ask(number, future)


def thread(future):
    truth.block()
    future.get_loop().call_soon_threadsafe(future.set_result, None)


async def is_alone(future):
    await future


class Once:
    """What leads to a future, and keeps nothing of it."""

    def __init__(self, iterator):
        self.iterators = [iterator]

    def __await__(self):
        return self.iterators.pop()


async def is_iterated(future, once):
    await once


async def is_told(event):
    await event.wait()


async def takes(inbox):
    await inbox.queue.get()


async def fills(label, queue):
    truth.mark(label)
    await truth.forever()
    await queue.put(1)


async def knows(label, answer):
    truth.mark(label)
    await truth.forever()
    answer.set_result(None)


def add(label, coroutine, kind, **known):
    tasks.append(truth.child("main", label, coroutine, kind, **known))


def add_other(label, coroutine):
    tasks.append(asyncio.ensure_future(coroutine))
    truth.awaits("main", label, "gather")


def connection(waiter, kind=Connection):
    made = kind()
    made.waiter = waiter
    return made


def plain(label, kind=Connection):
    one = connection(truth.forever(), kind)
    name = kind.__name__ + ".waiter"
    add(label, asks(one), "future", id=one.waiter, name=name, held_by=[name], orphaned=None)


async def connections():
    for number in range(3):
        plain("plain %d" % number)
    inner = truth.forever()
    kept.append(inner)
    add("shielded", asks(connection(asyncio.shield(inner))), "future", name="kept[0]", orphaned=None)
    plain("plain 3")
    future = concurrent.futures.Future()
    kept.append(future)
    add("chained", asks(connection(asyncio.wrap_future(future))), "threadsafe")
    plain("plain 4")
    one = connection(truth.forever())
    threading.Thread(target=thread, args=(one.waiter,), daemon=True).start()
    add("of thread", asks(one), "threadsafe", id=one.waiter, held_by=["Connection.waiter", "thread: future"])
    plain("plain 5")
    ours, theirs = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    kept.extend([theirs, writer])
    linked = connection(truth.forever(), Linked)
    linked.transport = writer.transport
    add("linked", asks(linked), "stream", fd=ours.fileno(), id=writer.transport, name="Linked.waiter")
    for number in range(4):
        one, link = connection(truth.forever()), Link()
        known = dict(id=one.waiter, name="Connection.waiter")
        if number == 2:
            link = Tied()
            link.transport = writer.transport
            known = dict(fd=ours.fileno(), id=writer.transport)
        add("by %d" % number, asks_by(link, one), "stream" if number == 2 else "future", **known)
    for number, kind in enumerate([Connection, Slotted, Slotted, Crowded, Linked, Connection, Connection]):
        plain("plain %d" % (6 + number), kind)
    moved.append(connection(truth.forever()))
    hidden.append([[moved[0].waiter]])
    known = dict(id=moved[0].waiter, name=None, held_by=None, orphaned=None)
    add("moved", asks(moved[0]), "future", **known)
    one = connection(truth.forever())
    for label in ("both 0", "both 1"):
        add(label, asks(one), "future", id=one.waiter, name="Connection.waiter")


def numbered():
    client = Client()
    for number in range(6):
        future = client.pending[number] = truth.forever()
        name = "Client.pending[%d]" % number
        asking = asks_by_number(client, number, future)
        add("numbered %d" % number, asking, "future", id=future, name=name, held_by=[name], orphaned=None)
    # In another one, and in none at all.
    other = Client()
    future = other.pending["x"] = truth.forever()
    add("other", asks_by_number(other, 7, future), "future", id=future, name="Client.pending['x']")
    # To tell its address would be to keep it.
    add("nowhere", asks_by_number(client, 8, truth.forever()), "future", name="future", orphaned=True)
    future = client.pending["last"] = truth.forever()
    add("last", asks_by_number(client, 9, future), "future", id=future, name="Client.pending['last']")


def alone():
    for number in range(6):
        future = truth.forever()
        known = dict(name="future", orphaned=True)
        if number == 2:
            hidden.append([[future.set_result]])
            known = dict(orphaned=None)
        if number == 4:
            add_other("knows", knows("knows", future))
            known = dict(orphaned=None, held_by=["future", "knows: answer"])
        add("alone %d" % number, is_alone(future), "future", **known)


def iterated():
    for number in range(6):
        future = truth.forever()
        iterator = future.__await__()
        known = dict(name="future", orphaned=True)
        if number in (2, 3):
            # Somebody else has what leads to it.
            hidden.append([iterator])
            known = dict(orphaned=None)
        add("iterated %d" % number, is_iterated(future, Once(iterator)), "future", **known)


def told():
    events = [asyncio.Event() for _ in range(6)]
    # Two wait for the same one.
    for number, event in enumerate(events[:3] + [events[2]] + events[3:]):
        waiting = 2 if event is events[2] else 1
        add("told %d" % number, is_told(event), "event", id=event, name="event", waiting=waiting, value=0)


def queues():
    kinds = [asyncio.Queue(), asyncio.Queue(), asyncio.Queue(3), asyncio.Queue(), asyncio.Queue(), asyncio.PriorityQueue()]
    inboxes = [Inbox(queue) for queue in kinds]
    shared = Inbox(asyncio.Queue())
    for number, inbox in enumerate(inboxes + [shared, shared, Inbox(asyncio.Queue(1))]):
        known = dict(
            end="get", id=inbox.queue, name="Inbox.queue", size=0, putters=0, others=[],
            bound=inbox.queue.maxsize or None, getters=2 if inbox is shared else 1,
        )
        if number == 4:
            add_other("fills", fills("fills", inbox.queue))
            known["others"] = ["fills"]
        add("takes %d" % number, takes(inbox), "queue", **known)


async def main():
    truth.mark("main")
    await connections()
    numbered()
    alone()
    iterated()
    told()
    queues()
    await asyncio.sleep(0)
    # By now it waits for what it had before.
    moved[0].waiter = truth.forever()
    await asyncio.gather(*tasks)


tasks, kept, hidden, moved = [], [], [], []
if __name__ == "__main__":
    truth.run(main)
