"""Callbacks that lead nowhere: a lambda, a bound method, a partial without a future, a set's discard."""
import asyncio
import functools

import truth


class Supervisor:
    def __init__(self):
        self.tasks = set()

    def done(self, task):
        self.tasks.discard(task)

    def __call__(self, task):
        self.done(task)


async def child(label):
    truth.mark(label)
    await truth.forever()


async def main():
    truth.mark("main")
    supervisor = Supervisor()
    for number in range(6):
        supervisor.tasks.add(asyncio.ensure_future(child(str(number))))
    for task in supervisor.tasks:
        task.add_done_callback(lambda task: None)
        task.add_done_callback(supervisor.done)
        task.add_done_callback(supervisor)
        task.add_done_callback(supervisor.tasks.discard)
        task.add_done_callback(functools.partial(print, 1, [], sep=""))
        task.add_done_callback(print)
    await truth.forever()


truth.when(lambda: len(truth._marks) == 7)
truth.run(main)
