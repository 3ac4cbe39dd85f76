"""A loop in a subinterpreter while the main one has asyncio loaded: both share one registry. To 3.11."""
import json
import os
import sys
import threading

import _xxsubinterpreters as interpreters

import truth

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

inside, outside = os.pipe()


def run():
    # The interpreter has the id of the thread that makes it for its own.
    # Since 3.9 the isolated ones cannot start threads, which asyncio may want to.
    other = interpreters.create(**({"isolated": False} if sys.version_info >= (3, 9) else {}))
    folder = os.path.dirname(os.path.abspath(__file__))
    settings = {"folder": folder, "outside": outside, "interpreter": int(other)}
    interpreters.run_string(other, INSIDE % settings)


threading.Thread(target=run, daemon=True).start()
with open(inside) as file:
    part = json.loads(file.readline())
while not truth._in_kernel(part["threads"][0]["thread"]):
    pass
truth.report(part)
truth.stay()
