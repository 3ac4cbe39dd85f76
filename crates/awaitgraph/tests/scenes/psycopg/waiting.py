"""Waits for a descriptor as the driver of this name did up to its version 3.2.

An event that the loop sets, behind a time limit that only looks up now and then.
"""
import asyncio

READ, WRITE = 1, 2


async def wait_async(gen, fileno, interval):
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    for s in gen:
        ready.clear()
        if s & READ:
            loop.add_reader(fileno, ready.set)
        if s & WRITE:
            loop.add_writer(fileno, ready.set)
        try:
            await asyncio.wait_for(ready.wait(), interval)
        finally:
            loop.remove_reader(fileno)
            loop.remove_writer(fileno)
