"""Functions of many hundred lines, constants and names, suspended near their ends."""
import asyncio

import truth

names = {"asyncio": asyncio, "truth": truth}


async def pause(*_):
    await truth.forever()


names["pause"] = pause


def define(label, lines):
    """An async function of the scene's own making, in a file of its own."""
    source = "async def %s():\n    truth.mark(%r)\n" % (label, label)
    exec(compile(source + "".join(lines), "made_up/%s.py" % label, "exec"), names)
    truth.awaits("main", label, "gather")
    return names[label]


functions = [
    # More constants and names than an argument byte can count.
    define(
        "constants",
        ["    v%d = %d + %d.5\n" % (n, n, n) for n in range(700)]
        + ["    v = [v1, v699, await pause(v698, %d.25)]\n" % n for n in range(2)],
    ),
    # More locals and closure cells than that.
    define(
        "cells",
        ["    v%d = []\n" % n for n in range(600)]
        + ["    f%d = lambda: (v%d, v%d)\n" % (n, n, n + 1) for n in range(599)]
        + ["    await pause()\n"],
    ),
    # A loop whose jumps need extended arguments, around the await.
    define(
        "jumps",
        ["    for a in range(3):\n        while True:\n            if a > 5: break\n"]
        + ["            x%d = a if a else [a, (a, %d)]\n" % (n, n) for n in range(400)]
        + ["            await pause()\n"]
        + ["            y%d = a if a else [a, (a, %d)]\n" % (n, n) for n in range(400)],
    ),
    # One statement of five hundred lines, the await in its middle.
    define(
        "statement",
        ["    v = [\n"]
        + ["        %d,\n" % n for n in range(250)]
        + ["        await pause(\n\n\n            1),\n"]
        + ["        %d,\n" % n for n in range(250)]
        + ["    ]\n"],
    ),
    # One line of thirty thousand characters, the await at its end.
    define("wide", ["    v = [%s, await pause()]\n" % ", ".join(map(str, range(6000)))]),
    # A deep value stack.
    define("deep", ["    return pause(%s, await pause())\n" % ", ".join(["pause"] * 300)]),
]


async def main():
    truth.mark("main")
    await asyncio.gather(*[function() for function in functions])


truth.run(main)
