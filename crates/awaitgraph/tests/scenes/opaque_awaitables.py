"""Iterators written in Python hide what is behind them: the stack ends there, the edge does not."""
import asyncio
import collections.abc

import truth


class Iterator:
    """Drives a coroutine by hand."""

    def __init__(self, coroutine):
        self.coroutine = coroutine

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.coroutine.send(None)


class Coroutine(collections.abc.Coroutine):
    """A coroutine that is no coroutine object."""

    def __init__(self, coroutine):
        self.coroutine = coroutine

    def send(self, value):
        return self.coroutine.send(value)

    def throw(self, *error):
        return self.coroutine.throw(*error)

    def close(self):
        return self.coroutine.close()

    def __await__(self):
        return self.coroutine.__await__()


async def child(label):
    truth.mark(label)
    await truth.forever()


async def hidden(task):
    await task


async def by_iterator(task):
    truth.mark("iterator")
    await Iterator(hidden(task))


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    first = loop.create_task(child("a"))
    second = loop.create_task(Coroutine(child("b")))
    await asyncio.gather(by_iterator(first), second)


truth.awaits("iterator", "a", "await")
truth.awaits("main", "iterator", "gather")
truth.awaits("main", "b", "gather")
truth.stack("iterator", "by_iterator")
truth.stack("b")
truth.run(main)
