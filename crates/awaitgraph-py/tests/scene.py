"""What the programs that are looked at are made of."""

import asyncio


async def settle():
    """Lets every task go on until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def forever():
    await asyncio.get_running_loop().create_future()


def start(coro, name):
    task = asyncio.get_running_loop().create_task(coro)
    task.set_name(name)
    return task
