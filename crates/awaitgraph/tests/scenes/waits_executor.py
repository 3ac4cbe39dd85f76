"""Executors: the thread that runs the work, and what is queued before it."""
import asyncio
import concurrent.futures
import functools
import multiprocessing
import threading
import time

import truth

threads = {}


def works(label):
    threads[label] = threading.get_native_id()
    truth.block()


async def runs(label, executor):
    truth.mark(label)
    truth.waits(
        label, "executor", thread=lambda: threads[label], function="works",
        stack=["block", "works"], queued_before=None,
    )
    await asyncio.get_running_loop().run_in_executor(executor, works, label)


async def queued(label, executor, before):
    truth.mark(label)
    truth.waits(label, "executor", thread=None, function="works", queued_before=before, stack=None)
    await asyncio.get_running_loop().run_in_executor(executor, functools.partial(works, label))


async def builtin():
    truth.mark("builtin")
    truth.waits("builtin", "executor", function="sleep", queued_before=None)
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, 1000)


async def wrapped(executor):
    truth.mark("wrapped")
    truth.waits("wrapped", "executor", thread=lambda: threads["wrapped"], function="works")
    await asyncio.wrap_future(executor.submit(works, "wrapped"))


async def to_thread():
    truth.mark("to thread")
    truth.waits("to thread", "executor", thread=lambda: threads["to thread"], function="works")
    await asyncio.to_thread(works, "to thread")


async def around(label, construct):
    """The only future left of what is awaited is that of an executor."""
    truth.mark(label)
    work = asyncio.get_running_loop().run_in_executor(None, works, label)
    truth.waits(label, "executor", thread=lambda: threads[label], function="works")
    await construct(work)


async def several(label, construct, second=works):
    truth.mark(label)
    loop = asyncio.get_running_loop()
    labels = ["%s, %d" % (label, number) for number in range(2)]
    work = [loop.run_in_executor(None, it, name) for it, name in zip((works, second), labels)]
    if second is works:
        truth.waits(label, "executor", thread=None, function="works", queued_before=None, stack=None)
    else:
        truth.waits(label, "executor", thread=None, function=None, queued_before=None, stack=None)
    await construct(work)


def works_too(label):
    works(label)


class Callable:
    def __call__(self):
        works("called")


async def calls():
    truth.mark("called")
    truth.waits("called", "executor", thread=lambda: threads["called"], function="Callable.__call__")
    await asyncio.get_running_loop().run_in_executor(None, Callable())


async def in_process(label, executor):
    truth.mark(label)
    truth.waits(label, "executor", thread=None, function="sleep", queued_before=None, stack=None)
    await asyncio.get_running_loop().run_in_executor(executor, time.sleep, 1000)


async def main():
    truth.mark("main")
    asyncio.get_running_loop().set_default_executor(concurrent.futures.ThreadPoolExecutor(12))
    fork = multiprocessing.get_context("fork")
    processes = concurrent.futures.ProcessPoolExecutor(1, mp_context=fork)
    one = concurrent.futures.ThreadPoolExecutor(1)
    two = concurrent.futures.ThreadPoolExecutor(2)
    children = {
        "one": runs("one", one),
        "first in line": queued("first in line", one, 0),
        "second in line": queued("second in line", one, 1),
        "two": runs("two", two),
        "wrapped": wrapped(two),
        "builtin": builtin(),
        "in process": in_process("in process", processes),
        "shield": around("shield", asyncio.shield),
        "gather": around("gather", asyncio.gather),
        "shield in gather": around("shield in gather", lambda it: asyncio.gather(asyncio.shield(it))),
        "several": several("several", lambda all: asyncio.gather(*all)),
        "several, by wait": several("several, by wait", asyncio.wait),
        "different": several("different", lambda all: asyncio.gather(*all), works_too),
        "called": calls(),
        "for a process": in_process("for a process", processes),
    }
    if hasattr(asyncio, "to_thread"):
        children["to thread"] = to_thread()
        truth.when(lambda: "to thread" in threads)
    for label in children:
        truth.awaits("main", label, "gather")
    truth.when(lambda: {"one", "two", "wrapped", "shield", "gather", "shield in gather", "several, 1", "several, by wait, 1", "different, 1", "called"} <= threads.keys())
    await asyncio.gather(*children.values())


truth.run(main)
