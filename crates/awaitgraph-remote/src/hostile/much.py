# A process with much of everything that a snapshot keeps.
import asyncio
import sys


async def leaf(future):
    await future


async def deep(depth, future):
    if depth:
        await deep(depth - 1, future)
    else:
        await future


async def awaits(gathering):
    await asyncio.shield(gathering)


async def main():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    tasks = [loop.create_task(leaf(future)) for _ in range(1500)]
    tasks += [loop.create_task(deep(600, future)) for _ in range(20)]
    # Each child is awaited by each of those who await the gathering.
    gathering = asyncio.gather(*(leaf(future) for _ in range(100)))
    tasks += [loop.create_task(awaits(gathering)) for _ in range(100)]
    for number in range(200):
        tasks.append(loop.create_task(leaf(future)))
        tasks[-1].set_name(("\u0142" if number % 2 else "\udc80") * 500)
    for number in range(200):
        names = {}
        lines = "\n" * 200 + "    if future: pass\n" * 100
        exec("async def function%d(future):\n%s    await future" % (number, lines), names)
        tasks += [loop.create_task(function(future)) for name, function in names.items() if "function" in name]
    await asyncio.sleep(0.01)
    print("ready", flush=True)
    sys.stdin.read()


sys.setrecursionlimit(5000)
asyncio.run(main())
