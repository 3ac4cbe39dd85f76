"""Task names of every kind of letter and length, with control characters and lone surrogates."""
import asyncio

import truth

NAMES = [
    "plain",
    "",
    " ",
    "caf\xe9",
    "\xff" * 300,
    "\u6f22\u5b57",
    "\U0001f600 and \U0010ffff",
    "a\u0301 \u202e \ufeff",
    "x" * 255,
    "y" * 256,
    "z" * 5000,
    "\u6f22" * 5000,
    "\U0001f600" * 5000,
    "escape \x1b[31mred\x1b[0m and bell \x07",
    "new\nline, return\r, tab\t, delete \x7f, c1 \x9b",
    "nul \0 inside",
    "lone \udc80 surrogate",
    "high \ud83d alone",
    "pair \ud83d\ude00 of surrogates",
    'quotes "\' and back\\slash',
    "12345",
    "Task-7",
    "(*) (cycle)",
]


async def child():
    await truth.forever()


async def later(name):
    truth.current().set_name(name)
    await truth.forever()


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(child()) for _ in NAMES]
    for task, name in zip(tasks, NAMES):
        task.set_name(name)
    tasks += [asyncio.create_task(child(), name=name) for name in NAMES]
    tasks += [asyncio.create_task(later(name)) for name in NAMES]
    for task in tasks:
        truth.awaits("main", task, "gather")
    await asyncio.gather(*tasks)


truth.when(lambda: truth._edges)
truth.run(main)
