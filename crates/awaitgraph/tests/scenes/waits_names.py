"""Names of what is kept in containers, slots, cells and globals, and of what a task was made for."""
import asyncio
import collections

import truth


class Registry:
    def __init__(self):
        self.locks = {}
        self.numbered = collections.defaultdict(asyncio.Lock)
        self.listed = [asyncio.Lock() for _ in range(3)]
        self.waiters = collections.deque()
        self.replies = {}
        self.nested = {"a": {"b": asyncio.Lock()}}
        self.pair = (None, asyncio.Lock())

    async def by_key(self):
        async with self.locks.setdefault("a", asyncio.Lock()):
            await truth.forever()

    async def by_number(self):
        async with self.numbered[7]:
            await truth.forever()

    async def by_place(self):
        async with self.listed[1]:
            await truth.forever()

    async def by_object(self):
        async with self.locks.setdefault((1, 2), asyncio.Lock()):
            await truth.forever()

    async def reply(self):
        future = self.replies[3] = truth.forever()
        await future

    async def turn(self):
        future = truth.forever()
        self.waiters.append(future)
        await future


    async def by_keys(self):
        async with self.nested["a"]["b"]:
            await truth.forever()

    async def of_pair(self):
        async with self.pair[1]:
            await truth.forever()

    async def of_class(self):
        async with self.shared:
            await truth.forever()

    @classmethod
    async def of_own_class(cls):
        async with cls.own:
            await truth.forever()


class Slotted:
    __slots__ = ("lock",)

    def __init__(self):
        self.lock = asyncio.Lock()

    async def use(self):
        async with self.lock:
            await truth.forever()


async def of_globals():
    async with locks["k"]:
        await truth.forever()


async def of_global_class():
    async with Settings.lock:
        await truth.forever()


class Settings:
    lock = None


def of_cell(lock):
    async def inner():
        async with lock:
            await truth.forever()

    return inner


async def captured(lock):
    async with lock:
        await truth.forever()
    return lambda: lock


async def marked(label, make):
    truth.mark(label)
    await make()


async def limits(queue):
    truth.mark("limits")
    await asyncio.wait_for(queue.get(), 600)


async def gathers(event, jobs):
    truth.mark("gathers")
    await asyncio.gather(event.wait(), jobs.get())


async def waits_for_any(queues):
    truth.mark("waits for any")
    takes = [asyncio.ensure_future(queue.get()) for queue in queues]
    for number, task in enumerate(takes):
        truth.mark("take %d" % number, task)
        truth.awaits("waits for any", "take %d" % number, "wait")
        truth.waits("take %d" % number, "queue", name="queues[%d]" % number)
    await asyncio.wait(takes)


async def main():
    truth.mark("main")
    registry = Registry()
    cell, captive = asyncio.Lock(), asyncio.Lock()
    locks["k"] = asyncio.Lock()
    Settings.lock = asyncio.Lock()
    Registry.shared, Registry.own = asyncio.Lock(), asyncio.Lock()
    pairs = [
        ("keys", registry.by_keys, "Registry.nested['a']['b']"),
        ("pair", registry.of_pair, "Registry.pair[1]"),
        ("class", registry.of_class, "Registry.shared"),
        ("own class", registry.of_own_class, "Registry.own"),
        ("key", registry.by_key, "Registry.locks['a']"),
        ("number", registry.by_number, "Registry.numbered[7]"),
        ("place", registry.by_place, "Registry.listed[1]"),
        ("object", registry.by_object, "Registry.locks[...]"),
        ("slot", Slotted().use, "Slotted.lock"),
        ("globals", of_globals, "locks['k']"),
        ("class of the module", of_global_class, "Settings.lock"),
        ("cell", of_cell(cell), "lock"),
        ("captured", lambda: captured(captive), "lock"),
    ]
    children = []
    for label, make, name in pairs:
        for task in ("holds " + label, label):
            truth.awaits("main", task, "gather")
            children.append(marked(task, make))
        truth.waits(label, "lock", name=name, holders=["holds " + label], value=1, waiting=1)
    for label, make, name in (
        ("reply", registry.reply, "Registry.replies[3]"),
        ("turn", registry.turn, "Registry.waiters[...]"),
    ):
        truth.awaits("main", label, "gather")
        truth.waits(label, "future", name=name, held_by=[name], orphaned=None)
        children.append(marked(label, make))

    queue, event, jobs = asyncio.Queue(), asyncio.Event(), asyncio.Queue()
    children += [limits(queue), gathers(event, jobs)]
    truth.awaits("main", "limits", "gather")
    truth.awaits("main", "gathers", "gather")
    truth.awaits("main", "waits for any", "gather")
    children.append(waits_for_any([asyncio.Queue(), asyncio.Queue()]))
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, look_for_children, queue, event, jobs)
    truth.when(lambda: found)
    await asyncio.gather(*children)


def look_for_children(queue, event, jobs):
    """Those that asyncio made: whose coroutines are the methods themselves."""
    for task in truth.tasks():
        function = task.get_coro().__qualname__
        frame = task.get_coro().cr_frame
        if function in ("Queue.get", "Event.wait"):
            owner = frame.f_locals["self"]
            if id(owner) not in {id(queue), id(event), id(jobs)}:
                continue
            name, of = {id(queue): ("queue", "limits"), id(event): ("event", "gathers"), id(jobs): ("jobs", "gathers")}[id(owner)]
            truth.mark(name, task)
            truth.awaits(of, name, "wait_for" if owner is queue else "gather")
            truth.waits(name, "event" if owner is event else "queue", id=owner, name=name)
    if "queue" not in truth._marks:
        truth.waits("limits", "queue", id=queue, name="queue")  # 3.12+: no task of its own
    found.append(True)


locks, found = {}, []
truth.run(main)
