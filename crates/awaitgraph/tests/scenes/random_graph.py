"""A graph by chance: constructs of all kinds inside one another, in one to three loops.

`--seed=N` decides everything. Each task's coroutine goes through some wrappers
(generators, context managers, `__await__` methods, …) down to one construct,
which waits for more tasks, or to a leaf, which waits for none.
"""
import asyncio
import contextlib
import functools
import random
import sys
import threading
import types

import truth

SEED = int(truth.FLAVOURS.get("seed", "0"))
PYTHON_TASKS = "tasks" in truth.FLAVOURS
# Since 3.14, pure-Python tasks cannot use them.
HAS_TIMEOUTS = not (PYTHON_TASKS and sys.version_info >= (3, 14))
HAS_GROUPS = HAS_TIMEOUTS and sys.version_info >= (3, 11)


class Awaiting:
    """An object whose `__await__` gives that of a coroutine, or delegates to it."""

    def __init__(self, core, delegates):
        self.core = core
        self.delegates = delegates

    def __await__(self):
        return self.generator() if self.delegates else self.core().__await__()

    def generator(self):
        return (yield from self.core().__await__())


# --- wrappers: from a coroutine function to another ---------------------------


async def values(core):
    for number in range(1):
        await core()
        yield number


@contextlib.asynccontextmanager
async def entered(core):
    await core()
    yield


@contextlib.asynccontextmanager
async def left(core):
    try:
        yield
    finally:
        for _ in range(2):
            await core()


@types.coroutine
def generator_based(core):
    yield from core().__await__()


async def plain(core):
    await core()


async def iterates(core):
    async for _ in values(core):
        pass


async def comprehends(core):
    return {
        n: n
        async for n in values(core)
    }


async def enters(core):
    async with entered(core):
        pass


async def leaves(core):
    for _ in range(2):
        async with left(core):
            continue


async def awaits_object(core):
    print(1, [2, await Awaiting(core, delegates=False)])


async def awaits_delegating(core):
    await Awaiting(core, delegates=True)


async def awaits_generator(core):
    await generator_based(core)


async def sends(core):
    await values(core).asend(None)


async def takes_next(core):
    if sys.version_info >= (3, 10):
        await anext(values(core), None)
    else:
        await values(core).__anext__()


async def handles(core):
    try:
        raise ValueError
    except ValueError:
        with contextlib.suppress(KeyError):
            return 1, await core()


async def limited(core):
    if HAS_GROUPS:
        async with asyncio.timeout(3600):
            await core()
    else:
        await core()


WRAPPERS = [
    plain,
    iterates,
    comprehends,
    enters,
    leaves,
    awaits_object,
    awaits_delegating,
    awaits_generator,
    sends,
    takes_next,
    handles,
    limited,
]


# --- a loop's own part of the graph --------------------------------------------


class Graph:
    def __init__(self, name, rng):
        self.name = name
        self.rng = rng
        self.labels = 0
        self.tasks = {}
        self.blocks = rng.random() < 0.3

    def label(self):
        self.labels += 1
        return "%s %d" % (self.name, self.labels)

    async def node(self, label, depth):
        truth.mark(label)
        self.tasks[label] = truth.current()
        kinds = self.constructs() if depth else self.leaves()
        core = functools.partial(self.rng.choice(kinds), label, depth)
        for _ in range(self.rng.randrange(4)):
            core = functools.partial(self.rng.choice(WRAPPERS), core)
        await core()

    def child(self, label, depth, hows, how):
        """A coroutine for a new child; how it will be awaited is noted."""
        child = self.label()
        hows.append((child, how))
        return self.node(child, depth - 1)

    def task(self, *args):
        return asyncio.ensure_future(self.child(*args))

    def future(self, label, depth, hows, how):
        """A future that stands for one child or for several."""
        kind = self.rng.randrange(6)
        if kind == 0 and depth > 1:
            children = [
                self.future(label, depth, hows, "gather") for _ in range(self.rng.randint(1, 3))
            ]
            return asyncio.gather(*children, return_exceptions=self.rng.random() < 0.5)
        if kind == 1:
            return asyncio.shield(self.future(label, depth, hows, "shield"))
        if kind == 2 and len(self.tasks) > 1:
            other = self.rng.choice(sorted(set(self.tasks) - {label}))
            hows.append((other, how))
            return self.tasks[other]
        return self.task(label, depth, hows, how)

    def futures(self, label, depth, how):
        hows = []
        made = [self.future(label, depth, hows, how) for _ in range(self.rng.randint(1, 4))]
        return made, hows

    def declare(self, label, hows):
        for child, how in hows:
            truth.awaits(label, child, how)

    # Constructs: each declares its edges, then waits for ever.

    def constructs(self):
        kinds = [self.awaits, self.gathers, self.waits, self.completes, self.bridges]
        if HAS_TIMEOUTS:
            kinds.append(self.waits_for)
        if HAS_GROUPS:
            kinds += [self.groups, self.group_body]
        return kinds

    async def awaits(self, label, depth):
        hows = []
        future = self.future(label, depth, hows, "await")
        self.declare(label, hows)
        await future

    async def gathers(self, label, depth):
        made, hows = self.futures(label, depth, "gather")
        coroutines = [self.child(label, depth, hows, "gather") for _ in range(self.rng.randrange(3))]
        self.declare(label, hows)
        await asyncio.gather(*made, *coroutines)

    async def waits(self, label, depth):
        made, hows = self.futures(label, depth, "wait")
        self.declare(label, hows)
        when = self.rng.choice(
            [asyncio.ALL_COMPLETED, asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION]
        )
        await asyncio.wait(made, return_when=when, timeout=self.rng.choice([None, 3600]))

    async def completes(self, label, depth):
        made, hows = self.futures(label, depth, "as_completed")
        self.declare(label, hows)
        if sys.version_info >= (3, 13) and self.rng.random() < 0.5:
            async for _ in asyncio.as_completed(made):
                pass
        for result in asyncio.as_completed(made):
            await result

    async def waits_for(self, label, depth):
        hows = []
        future = self.future(label, depth, hows, "wait_for")
        self.declare(label, hows)
        await asyncio.wait_for(future, self.rng.choice([None, 3600]))

    async def groups(self, label, depth):
        hows = []
        async with asyncio.TaskGroup() as group:
            for _ in range(self.rng.randint(1, 4)):
                group.create_task(self.child(label, depth, hows, "task_group"))
            self.declare(label, hows)

    async def group_body(self, label, depth):
        hows = []
        async with asyncio.TaskGroup() as group:
            for _ in range(self.rng.randint(1, 4)):
                group.create_task(self.child(label, depth, hows, "task_group"))
            self.declare(label, hows)
            await self.rng.choice([self.awaits, self.waits, self.gathers])(label, depth)

    async def bridges(self, label, depth):
        hows = []
        task = self.task(label, depth, hows, "callback")
        future = truth.forever()
        task.add_done_callback(functools.partial(self.bridge, future))
        self.declare(label, hows)
        await future

    @staticmethod
    def bridge(future, task):
        future.set_result(None)

    # Leaves.

    def leaves(self):
        return [self.forever, self.sleeps, self.gets, self.blocks_last, self.holds]

    async def forever(self, label, depth):
        await truth.forever()

    async def sleeps(self, label, depth):
        await asyncio.sleep(3600)

    async def gets(self, label, depth):
        await asyncio.Queue().get()

    async def holds(self, label, depth):
        lock = asyncio.Lock()
        async with lock:
            async with lock:
                pass

    async def blocks_last(self, label, depth):
        """Blocks the loop, once everything else in it is parked."""
        if not self.blocks:
            await truth.forever()
        self.blocks = False
        own, loop = truth.current(), asyncio.get_running_loop()
        parked = False
        while not parked:
            # Twice, so that what the last step set off is over as well.
            for _ in range(2):
                await asyncio.sleep(0)
            others = [t for t in truth.tasks() if truth._loop(t) is loop and t is not own]
            parked = all(truth._state(task) == "waiting" for task in others)
        truth.block()


async def main(name, seed):
    graph = Graph(name, random.Random(seed))
    await graph.node(graph.label(), 5)


count = 1 + SEED % 3
for number in range(1, count):
    thread = threading.Thread(
        target=lambda number=number: truth.new_loop().run_until_complete(
            main("loop %d," % number, SEED * 10 + number)
        ),
        daemon=True,
    )
    thread.start()
truth.when(lambda: len({id(loop) for loop, _, _ in truth._loops.values()}) == count)
truth.run(lambda: main("main", SEED * 10))
