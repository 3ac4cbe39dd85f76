"""Names of what is in another module, in a namespace, or several attributes away."""
import asyncio
import types

import truth


class Holds:
    """Has something of any name."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def far():
    return Holds(db=Holds(lock=asyncio.Lock()))


class Service:
    def __init__(self):
        self.app = Holds(sub=far())

    async def of_self(self):
        async with self.app.sub.db.lock:
            await truth.forever()


async def of_module():
    async with state.lock:
        await truth.forever()


async def of_object_in_module():
    async with state.app.db.lock:
        await truth.forever()


async def of_class_in_module():
    async with state.Settings.lock:
        await truth.forever()


async def of_global():
    async with app.db.lock:
        await truth.forever()


async def of_far_global():
    async with service.app.sub.db.lock:
        await truth.forever()


def of_variable():
    thing = Holds(app=Holds(sub=far()))

    async def inner():
        async with thing.app.sub.db.lock:
            await truth.forever()

    return inner


def of_argument(there):
    async def inner():
        await takes(there)

    return inner


async def takes(there):
    await there.app.sub.db.lock.acquire()
    await truth.forever()


async def of_namespace():
    async with space.lock:
        await truth.forever()


async def marked(label, make):
    truth.mark(label)
    await make()


async def gets():
    await state.jobs.get()


async def gets_in_time():
    await asyncio.wait_for(state.others.get(), 600)


async def is_set():
    await state.app.db.event.wait()


async def main():
    global state, app, service, space
    truth.mark("main")
    state = types.ModuleType("state")
    state.lock, state.app = asyncio.Lock(), far()
    state.app.db.event = asyncio.Event()
    state.Settings = type("Settings", (), {"lock": asyncio.Lock()})
    state.jobs, state.others = asyncio.Queue(), asyncio.Queue()
    space = types.SimpleNamespace(lock=asyncio.Lock())
    app, service = far(), Service()
    there = Holds(app=Holds(sub=far()))
    children = []
    for label, make, name in (
        ("module", of_module, "state.lock"),
        ("object in module", of_object_in_module, "state.app.db.lock"),
        ("class in module", of_class_in_module, "state.Settings.lock"),
        ("global", of_global, "app.db.lock"),
        ("far global", of_far_global, "service.app.sub.db.lock"),
        ("self", Service().of_self, "Service.app.sub.db.lock"),
        ("variable", of_variable(), "thing.app.sub.db.lock"),
        ("argument", of_argument(there), "there.app.sub.db.lock"),
        ("namespace", of_namespace, "space.lock"),
    ):
        for task in ("holds " + label, label):
            truth.awaits("main", task, "gather")
            children.append(marked(task, make))
        truth.waits(label, "lock", name=name, value=1, waiting=1)
    for label, make, kind, name in (
        ("gets", gets, "queue", "state.jobs"),
        ("is set", is_set, "event", "state.app.db.event"),
    ):
        truth.awaits("main", label, "gather")
        truth.waits(label, kind, name=name)
        children.append(marked(label, make))
    truth.awaits("main", "in time", "gather")
    children.append(marked("in time", gets_in_time))
    asyncio.get_running_loop().call_later(0.05, look_for_child)
    truth.when(lambda: found)
    await asyncio.gather(*children)


def look_for_child():
    """To 3.11 `wait_for` makes a task for what it waits for."""
    waits = "in time"
    for task in truth.tasks():
        coroutine = task.get_coro()
        if coroutine.__qualname__ == "Queue.get" and coroutine.cr_frame.f_locals["self"] is state.others:
            truth.mark("child", task)
            truth.awaits("in time", "child", "wait_for")
            waits = "child"
    truth.waits(waits, "queue", name="state.others")
    found.append(True)


found = []
truth.run(main)
