"""Lines that go backwards, leap far ahead, lie beyond 65,536, or do not exist at all."""
import ast
import asyncio
import sys

import truth

names = {"asyncio": asyncio, "truth": truth}


async def pause(*_):
    await truth.forever()


names["pause"] = pause


def define(label, lines):
    source = "async def %s():\n    truth.mark(%r)\n" % (label, label) + "".join(lines)
    return made(label, compile(source, "made_up/%s.py" % label, "exec"))


def made(label, code):
    exec(code, names)
    truth.awaits("main", label, "gather")
    return names[label]


def moved(label, lines):
    """A function whose statements are said to be at other lines."""
    source = "async def %s():\n    truth.mark(%r)\n    a = 1\n    await pause(a)\n    b = 2\n"
    tree = ast.parse(source % (label, label))
    for statement, line in zip(tree.body[0].body, lines):
        for node in ast.walk(statement):
            if hasattr(node, "lineno"):
                node.lineno = node.end_lineno = line
    return made(label, compile(tree, "made_up/%s.py" % label, "exec"))


def without_lines(function, table):
    """The function with another line table in its code."""
    field = "co_linetable" if sys.version_info >= (3, 10) else "co_lnotab"
    function.__code__ = function.__code__.replace(**{field: table})
    return function


async def no_table():
    truth.mark("no table")
    await truth.forever()


async def no_lines():
    truth.mark("no lines")
    await truth.forever()


async def far_first_line():
    truth.mark("far first line")
    await truth.forever()


def tables():
    without_lines(no_table, b"")
    if sys.version_info >= (3, 11):
        # Entries of eight code units each that have no location (kind 15).
        without_lines(no_lines, bytes([0x80 | 15 << 3 | 7]) * 64)
    elif sys.version_info >= (3, 10):
        # Spans of 254 bytes of code without a line (-128).
        without_lines(no_lines, bytes([254, 0x80]) * 16)
    far_first_line.__code__ = far_first_line.__code__.replace(co_firstlineno=2_000_000_000)
    for label in ("no table", "no lines", "far first line"):
        truth.awaits("main", label, "gather")
    return [no_table, no_lines, far_first_line]


functions = [
    define("beyond", ["\n" * 70_000, "    await pause()\n"]),
    define("leaps", ["\n" * n + "    v = %d\n" % n for n in range(0, 3000, 127)] + ["    await pause()\n"]),
    define("starts_late", ["    pass\n"] * 3 + ["\n" * 300 + "    await pause(\n" + "\n" * 200 + "        1)\n"]),
    define(
        "comprehension",
        ["    return [\n" + "\n" * 140 + "        await pause(\n            n,\n        )\n"]
        + ["\n" * 140 + "        for n in range(2)\n    ]\n"],
    ),
    define("loop", ["    while (\n        await asyncio.sleep(0)\n" + "\n" * 150 + "        or await pause()\n    ):\n        pass\n"]),
    moved("backwards", [100_000, 50_000, 3, 1]),
    moved("up_and_down", [10, 1000, 10, 1000]),
    moved("exactly", [127, 255, 383, 511]),
    moved("exactly_back", [511, 383, 255, 127]),
    moved("exactly_edges", [129, 257, 1, 128]),
    moved("far", [5, 70_000, 5_000_000, 2]),
] + tables()


async def main():
    truth.mark("main")
    await asyncio.gather(*[function() for function in functions])


truth.run(main)
