"""The call graph of asyncio: which task waits for which, down to file and line.

Code written for the call graph introspection of CPython 3.14 works with this
package from 3.9 on::

    import asyncio
    import awaitgraph

    async def test():
        awaitgraph.print_call_graph()

    async def main():
        async with asyncio.TaskGroup() as g:
            g.create_task(test(), name='test')

    asyncio.run(main())

prints::

    * Task(name='test', id=0x1039f0fe0)
      + Call stack:
      |   File 't2.py', line 5, in async test()
      + Awaited by:
        * Task(name='Task-1', id=0x103a5e060)
          + Call stack:
          |   File 'taskgroups.py', line 107, in async TaskGroup.__aexit__()
          |   File 't2.py', line 8, in async main()

The functions are those of asyncio, described at
https://docs.python.org/3.14/library/asyncio-graph.html, with these differences:

* A stack is complete: it goes on through asynchronous generators,
  ``@asynccontextmanager``, ``anext`` with a default and generator-based
  coroutines.
* A future is captured once. Where it stands at several places of a text it is
  written whole at the first and marked ``(*)`` at the others; a cycle is cut
  and marked ``(cycle)``.
* What waits for a future is read from the future's callbacks, on 3.14 and
  later joined with what the interpreter has recorded.

`capture_all` captures all tasks of a loop, `snapshot` reads another process,
`check` finds what is wrong in it, deadlocks first, `allow_attach` lets others
read this one, and `install` puts what an older interpreter lacks into asyncio.
"""

from awaitgraph._classes import FrameCallGraphEntry, FutureCallGraph
from awaitgraph._install import install, uninstall
from awaitgraph._native import (
    Finding,
    Snapshot,
    allow_attach,
    capture_all,
    capture_call_graph,
    check,
    format_call_graph,
    future_add_to_awaited_by,
    future_discard_from_awaited_by,
    print_call_graph,
    snapshot,
)

__all__ = [
    "Finding",
    "FrameCallGraphEntry",
    "FutureCallGraph",
    "Snapshot",
    "allow_attach",
    "capture_all",
    "capture_call_graph",
    "check",
    "format_call_graph",
    "future_add_to_awaited_by",
    "future_discard_from_awaited_by",
    "install",
    "print_call_graph",
    "snapshot",
    "uninstall",
]
