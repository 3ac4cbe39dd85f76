"""A name of three hundred thousand letters, a file name of as many, a frame of ten thousand variables."""
import asyncio

import truth

names = {"truth": truth}


async def pause():
    await truth.forever()


names["pause"] = pause
lines = ["async def crowded():\n", "    truth.mark('crowded')\n"]
lines += ["    v%d = None\n" % number for number in range(10_000)]
lines += ["    await pause()\n"]
exec(compile("".join(lines), "made_up/" + "long" * 75_000 + ".py", "exec"), names)


async def main():
    truth.mark("main")
    task = asyncio.ensure_future(names["crowded"]())
    task.set_name("\u6f22" * 300_000)
    await asyncio.shield(task)


truth.awaits("main", "crowded", "shield")
truth.run(main)
