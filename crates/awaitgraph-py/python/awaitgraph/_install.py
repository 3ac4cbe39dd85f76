"""Puts what an older CPython lacks into asyncio."""

import asyncio
import threading

from awaitgraph import _classes, _native

OURS = {
    "FrameCallGraphEntry": _classes.FrameCallGraphEntry,
    "FutureCallGraph": _classes.FutureCallGraph,
    "capture_call_graph": _native.capture_call_graph,
    "format_call_graph": _native.format_call_graph,
    "future_add_to_awaited_by": _native.future_add_to_awaited_by,
    "future_discard_from_awaited_by": _native.future_discard_from_awaited_by,
    "print_call_graph": _native.print_call_graph,
}

_installed = set()
_lock = threading.Lock()


def install():
    """Put the call graph functions of CPython 3.14 into asyncio.

    Whatever of them the running version lacks becomes an attribute of the
    module ``asyncio``, so that code written for 3.14 runs unchanged on 3.9 to
    3.13. What is there already stays as it is: on 3.14 and later that is all.
    To call it again changes nothing.

    Returns ``None`` and raises nothing.

    The names are described at
    https://docs.python.org/3.14/library/asyncio-graph.html
    """
    with _lock:
        for name, ours in OURS.items():
            if not hasattr(asyncio, name):
                setattr(asyncio, name, ours)
                asyncio.__all__ += type(asyncio.__all__)([name])
                _installed.add(name)


def uninstall():
    """Take out of asyncio what `install` has put there, and nothing else.

    Returns ``None`` and raises nothing, also where nothing was installed.

    Not in the asyncio documentation: it is the reverse of `install`.
    """
    with _lock:
        for name in _installed:
            # Somebody else's in the same place is not ours to take out.
            if getattr(asyncio, name, None) is OURS[name]:
                delattr(asyncio, name)
        names = [name for name in asyncio.__all__ if name not in _installed]
        asyncio.__all__ = type(asyncio.__all__)(names)
        _installed.clear()
