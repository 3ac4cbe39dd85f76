# A process that uses most of what the reader follows. It says `ready` from
# within a task, and blocks there.
import asyncio
import collections
import contextlib
import functools
import sys
import threading
import types

NEW = sys.version_info
wanted = 0
reached = threading.Semaphore(0)


class Named:
    def __init__(self, future):
        self.future = future

    def __await__(self):
        return sleeper(self.future).__await__()


async def sleeper(future):
    await future


@types.coroutine
def old_style(future):
    yield from future


async def rows(future):
    yield 1
    await old_style(future)
    yield 2


async def iterates(future):
    async for _ in rows(future):
        pass


@contextlib.asynccontextmanager
async def managed(future):
    await future
    yield


async def manages(future):
    async with managed(future):
        pass


async def deep(depth, future):
    if depth:
        await deep(depth - 1, future)
    else:
        await Named(future)


async def gathers(*futures):
    await asyncio.gather(asyncio.gather(*map(sleeper, futures)), sleeper(futures[0]))


async def waits(*futures):
    await asyncio.wait([asyncio.ensure_future(sleeper(future)) for future in futures])


async def waits_for(future):
    await asyncio.wait_for(sleeper(future), 1000)


async def shields(future):
    await asyncio.shield(asyncio.ensure_future(sleeper(future)))


async def as_completed(*futures):
    for first in asyncio.as_completed([sleeper(future) for future in futures]):
        await first


async def bridged(future):
    loop = asyncio.get_running_loop()
    other = loop.create_future()
    future.add_done_callback(functools.partial(other.set_result))
    future.add_done_callback(functools.partial(print, other, end=other))
    await other


async def cycle(tasks, number):
    await future_of_start
    await tasks[number]


async def uses(primitive):
    async with primitive:
        await asyncio.sleep(1000)


if NEW >= (3, 11):
    exec("""
async def grouped(*futures):
    async with asyncio.TaskGroup() as group:
        for future in futures:
            group.create_task(sleeper(future))
        await futures[0]
""")
else:
    grouped = gathers


async def fills(loop):
    global future_of_start
    future_of_start = loop.create_future()
    futures = [loop.create_future() for _ in range(4)]
    made = [
        gathers(*futures), waits(*futures), waits_for(futures[0]), shields(futures[1]),
        as_completed(*futures), bridged(futures[2]), grouped(*futures), iterates(futures[0]),
        manages(futures[1]), deep(20, futures[2]), asyncio.Queue().get(), asyncio.Event().wait(),
    ]
    lock, semaphore = asyncio.Lock(), asyncio.Semaphore(2)
    made += [uses(lock) for _ in range(3)] + [uses(semaphore) for _ in range(3)]
    tasks = [asyncio.ensure_future(coro) for coro in made]
    for number, task in enumerate(tasks[:8]):
        task.set_name(["plain", "łódź", "\U0001f40d", "\udc80", "x" * 300, "", "tab\t", "Task-1"][number])
    for kind in (asyncio.tasks._PyTask,):
        tasks += [kind(sleeper(asyncio.futures._PyFuture(loop=loop)), loop=loop), kind(sleeper(tasks[0]), loop=loop)]
    ring = []
    ring += [loop.create_task(cycle(ring, (number + 1) % 3)) for number in range(3)]
    await asyncio.sleep(0)
    future_of_start.set_result(None)
    for _ in range(5):
        await asyncio.sleep(0)
    kept.append((futures, tasks, ring))


kept = []


async def other_thread():
    await fills(asyncio.get_running_loop())
    reached.release()
    await asyncio.sleep(1000)


def blocks():
    print("ready", flush=True)
    sys.stdin.read()


async def main():
    threading.Thread(target=asyncio.run, args=(other_thread(),), daemon=True).start()
    reached.acquire()
    await fills(asyncio.get_running_loop())
    blocks()


asyncio.run(main())
