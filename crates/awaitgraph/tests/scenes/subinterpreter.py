"""A loop in the main interpreter and one in a subinterpreter, in another thread. From 3.12."""
import asyncio
import json
import os
import threading

import truth

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

INSIDE = r"""
import asyncio, os, sys
sys.argv = []
sys.path.insert(0, %(folder)r)
import truth

async def leaf(label):
    truth.mark(label)
    await truth.forever()

async def main():
    truth.mark("sub")
    report()
    await asyncio.gather(leaf("sub 1"), leaf("sub 2"))

def report():
    if len(truth._marks) == 3 and all(truth._state(task) == "waiting" for task in truth.tasks()):
        os.read(nothing, truth.tell(%(outside)d) or 1)
    else:
        asyncio.get_running_loop().call_soon(report)

nothing, never_written = os.pipe()
truth.interpreter = %(interpreter)d
truth.awaits("sub", "sub 1", "gather")
truth.awaits("sub", "sub 2", "gather")
asyncio.run(main())
"""


async def child():
    truth.mark("child")
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.shield(child())


inside, outside = os.pipe()


def run():
    # Made by the thread that runs it: 3.12 notes no other thread.
    other = interpreters.create()
    settings = {
        "folder": os.path.dirname(os.path.abspath(__file__)),
        "outside": outside,
        "interpreter": int(other),
    }
    execute = getattr(interpreters, "exec", None) or interpreters.run_string
    execute(other, INSIDE % settings)


threading.Thread(target=run, daemon=True).start()
with open(inside) as file:
    part = json.loads(file.readline())
truth.join(part)
truth.when(lambda: truth._in_kernel(part["threads"][0]["thread"]))
truth.awaits("main", "child", "shield")
truth.run(main)
