"""Futures that threads complete, and those that are nothing but futures."""
import asyncio
import concurrent.futures
import queue
import threading
import weakref

import truth


class Client:
    async def ask(self):
        self.answer = truth.forever()
        await self.answer


async def plain():
    truth.mark("plain")
    future = truth.forever()
    kept.append(future)
    truth.waits("plain", "future", id=future, name="kept[2]", orphaned=None)
    await future


async def orphaned():
    truth.mark("orphaned")
    truth.waits("orphaned", "future", orphaned=True, name=None, held_by=None)
    await truth.forever()


async def orphaned_variable():
    truth.mark("orphaned variable")
    future = truth.forever()
    truth.waits("orphaned variable", "future", orphaned=True, name="future")
    await future


async def of_callback():
    truth.mark("of callback")
    truth.waits("of callback", "future", orphaned=None)
    future = truth.forever()
    kept.append(future.set_result)
    await future


async def of_closure():
    truth.mark("of closure")
    truth.waits("of closure", "future", orphaned=None)
    future = truth.forever()
    kept.append(lambda: future.set_result(None))
    await future


async def weak():
    truth.mark("weak")
    truth.waits("weak", "future", orphaned=None)
    future = truth.forever()
    kept.append(weakref.ref(future))
    await future


async def attribute(client):
    truth.mark("attribute")
    truth.waits("attribute", "future", name="Client.answer", held_by=["Client.answer"])
    await client.ask()


async def of_thread():
    truth.mark("of thread")
    loop, future = asyncio.get_running_loop(), truth.forever()

    def thread(future):
        truth.block()
        loop.call_soon_threadsafe(future.set_result, None)

    threading.Thread(target=thread, args=(future,), daemon=True).start()
    truth.waits("of thread", "threadsafe", id=future)
    await future


class Thread(threading.Thread):
    def run(self):
        truth.block()
        self.loop.call_soon_threadsafe(self.future.set_result, None)


async def of_thread_object():
    truth.mark("of thread object")
    thread = Thread(daemon=True)
    thread.loop, thread.future = asyncio.get_running_loop(), truth.forever()
    thread.start()
    truth.waits("of thread object", "threadsafe", id=thread.future, name="Thread.future")
    await thread.future


async def of_task(future):
    truth.mark("of task")
    truth.waits(
        "of task", "future", id=future, held_by=["future", name_of(completes) + ": answer"]
    )
    await future


async def completes(answer):
    truth.mark("completes")
    await truth.forever()
    answer.set_result(None)


def add_pair(children):
    answer = truth.forever()
    children.update({"of task": of_task(answer), "completes": completes(answer)})


def name_of(function):
    return function.__qualname__


async def shielded(future):
    truth.mark("shielded")
    truth.waits("shielded", "future", name="kept[0]", held_by=["kept[0]"], orphaned=None)
    await asyncio.shield(asyncio.shield(future))


async def gathers(future):
    truth.mark("gathers")
    truth.waits("gathers", "future", name="kept[0]", orphaned=None)
    await asyncio.gather(future)


async def waits_for_any():
    truth.mark("waits for any")
    truth.waits("waits for any", "future", orphaned=None, name="kept[0]")
    await asyncio.wait([kept[0], truth.forever()])
class Job:
    def __init__(self, future):
        self.future = future


class Worker(threading.Thread):
    """Has a queue of jobs, as the driver of a database that can only block."""

    def __init__(self):
        super().__init__(daemon=True)
        self.jobs = queue.Queue()

    def run(self):
        job = self.jobs.get()
        truth.block()
        job.future.set_result(None)


def work(jobs):
    future, function = jobs.get()
    truth.block()
    function(future)


async def queued():
    truth.mark("queued")
    jobs = queue.SimpleQueue()
    for future in (truth.forever(), truth.forever()):
        jobs.put((future, print))
    threading.Thread(target=work, args=(jobs,), daemon=True).start()
    truth.waits("queued", "threadsafe", id=future, held_by=["future", "work: jobs[...]"])
    truth.when(lambda: jobs.qsize() == 1)
    await future


async def queued_as_job():
    truth.mark("queued as job")
    worker = Worker()
    for job in (Job(truth.forever()), Job(truth.forever())):
        worker.jobs.put(job)
    worker.start()
    truth.waits("queued as job", "threadsafe", id=job.future, name="Job.future")
    truth.when(lambda: worker.jobs.qsize() == 1)
    await job.future


async def chained():
    truth.mark("chained")
    future = concurrent.futures.Future()
    kept.append(future)
    truth.waits("chained", "threadsafe")
    await asyncio.wrap_future(future)


async def main():
    truth.mark("main")
    kept.append(truth.forever())
    client = Client()
    kept.append(client)
    children = {
        "plain": plain(),
        "orphaned": orphaned(),
        "orphaned variable": orphaned_variable(),
        "of callback": of_callback(),
        "of closure": of_closure(),
        "weak": weak(),
        "attribute": attribute(client),
        "of thread": of_thread(),
        "chained": chained(),
        "of thread object": of_thread_object(),
        "shielded": shielded(kept[0]),
        "gathers": gathers(kept[0]),
        "waits for any": waits_for_any(),
        "queued": queued(),
        "queued as job": queued_as_job(),
    }
    add_pair(children)
    for label in children:
        truth.awaits("main", label, "gather")
    await asyncio.gather(*children.values())


kept = []
truth.run(main)
