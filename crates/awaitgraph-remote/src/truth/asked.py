# Makes objects, prints where they are and what is in them, and waits.
#
# A line is a name and numbers: the object's address first, then what the
# reader must find in it.
import asyncio
import collections
import functools
import sys
import threading
import types
import weakref


kept = []


def say(name, *numbers):
    kept.append(numbers)
    print(name, *(number if isinstance(number, int) else id(number) for number in numbers))


class Plain:
    pass


def plain(*names):
    made = Plain()
    for name in names:
        setattr(made, name, object())
    return made


few = plain("other", "wanted")
say("attribute", few, few.wanted)
listed = plain("wanted", "other")
listed.__dict__
say("attribute", listed, listed.wanted)
many = plain(*("name%d" % number for number in range(100)), "wanted")
say("attribute", many, many.wanted)
gone = plain("other", "wanted")
del gone.wanted
say("attribute", gone, 0)

text = "wanted"
say("hash", text, hash(text), hash(text))


# More than one would look through, with some removed: there, never there, no more there.
def crowd():
    made = {"name%d" % number: object() for number in range(1000)}
    for number in range(0, 1000, 3):
        del made["name%d" % number]
    return made


there, never_there, no_more_there = crowd(), crowd(), crowd()
there[text] = object()
say("item", there, there[text])
say("item", never_there, 0)
no_more_there[text] = object()
del no_more_there[text]
say("item", no_more_there, 0)
mixed = {number: object() for number in range(100)}
mixed[text] = object()
say("item", mixed, mixed[text])


@types.coroutine
def rest():
    yield


def yields():
    # A value is below the one that is yielded, and is not awaited.
    for _ in [few]:
        yield None


async def waits(for_this):
    await for_this


async def iterates(over):
    async for _ in over:
        pass


async def asynchronous():
    await rest()
    yield


inner = rest()
outer = waits(inner)
outer.send(None)
say("chain", outer, outer.cr_frame.f_lasti, inner.gi_frame.f_lasti)
nested = waits(waits(rest()))
nested.send(None)
say("chain", nested, nested.cr_frame.f_lasti, nested.cr_await.cr_frame.f_lasti, nested.cr_await.cr_await.gi_frame.f_lasti)
items = asynchronous()
loop_over = iterates(items)
loop_over.send(None)
say("chain", loop_over, loop_over.cr_frame.f_lasti, items.ag_frame.f_lasti, items.ag_await.gi_frame.f_lasti)
yielding = yields()
next(yielding)
say("chain", yielding, yielding.gi_frame.f_lasti)
fresh = waits(rest())
say("chain", fresh, fresh.cr_frame.f_lasti)

loop = asyncio.new_event_loop()
future = loop.create_future()
future_waiter = waits(future)
future_waiter.send(None)
say("awaits", future_waiter, future)
say("pending", future, 1)
done = loop.create_future()
done.set_result(None)
say("pending", done, 0)

members = [object() for _ in range(200)]
say("tuple", tuple(members[:3]), *members[:3])
say("tuple", ())
say("list", members, *members)
say("list", [])
say("set", set(members), *sorted(map(id, members)))
say("set", set())
queue = collections.deque(members)
queue.rotate(77)
say("deque", queue, *queue)
part = functools.partial(print, few, end=many)
say("partial", part, print, part.args, part.keywords)
say("bytes", b"0123456789", 10)
cell = (lambda local: lambda: local)(few).__closure__[0]
say("cell", cell, few)
method = few.__init_subclass__
say("builtin", method, Plain)


class Methodical:
    def method(self):
        pass


methodical = Methodical()
bound = methodical.method
say("method", bound, Methodical.method, methodical)
for number in [0, 1, -1, 2**30 - 1, -(2**30), 2**59 + 12345, -(2**59)]:
    number = number + len(sys.argv) - 1
    print("int", id(number), number)
    kept.append(number)



def kind(name, *objects):
    for made in objects:
        kept.append(made)
        print("kind:" + name, id(made), 1)


class Word(str):
    pass


class Work(asyncio.Task):
    pass


class PyWork(asyncio.tasks._PyTask):
    pass


class Awaitable:
    def __await__(self):
        return waits(future).__await__()


kind("Text", "a str", Word("another"), sys.intern("interned"), "Łódź", "\U0001f40d" * 300)
kind("Int", 12345, True)
kind("Bytes", b"bytes")
kind("Tuple", (few, many), sys.version_info)
kind("List", members)
kind("Dict", {}, few.__dict__, collections.OrderedDict())
kind("Set", {few}, frozenset([few]))
kind("None", None)
kind("Module", sys, asyncio)
kind("Function", yields, Methodical.method)
kind("Method", bound)
kind("Builtin", print, method)
kind("Cell", cell)
kind("Weakref", weakref.ref(few))
kind("Partial", part)
kind("Deque", queue)
kind("Code", yields.__code__)
kind("Generator", inner, outer, items)
kind("Wrapper", items.asend(None), items.athrow(ValueError), Awaitable().__await__(), future.__await__())
if sys.version_info >= (3, 10):
    kind("Wrapper", anext(items, None))
kind("Future", future)
kind("PyFuture", asyncio.futures._PyFuture(loop=loop))
kind("Other", few, loop, type)
wakes = loop.create_future()
tasks = [asyncio.Task(waits(wakes), loop=loop), Work(waits(wakes), loop=loop)]
kind("Task", *tasks)
kind("PyTask", asyncio.tasks._PyTask(waits(wakes), loop=loop), PyWork(waits(wakes), loop=loop))
loop.call_soon(loop.stop)
loop.run_forever()
for callback, _ in wakes._callbacks[:2]:
    if sys.version_info < (3, 10):
        kind("TaskWakeup", callback)
    else:
        kind("Builtin", callback)
        say("builtin", callback, tasks.pop(0))

say("thread", threading.get_ident(), threading.get_native_id())
started = threading.Event()
hold = threading.Event()
ids = []


# One in the variable, one that `say` keeps, and these: without the GIL each
# thread's are counted apart, also those that it lets go of.
counted = object()
ours = [counted] * 5
theirs = []


def run():
    ids.extend([threading.get_ident(), threading.get_native_id()])
    theirs.extend([counted] * 4)
    ours.pop()
    started.set()
    hold.wait()


threading.Thread(target=run, daemon=True).start()
started.wait()
say("thread", *ids)
theirs.pop()
say("references", counted, 2 + len(ours) + len(theirs))

print("ready", flush=True)
sys.stdin.read()
