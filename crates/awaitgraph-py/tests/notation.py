"""Graphs as short nested lists, and texts without what differs in every run."""

import inspect
import re

KINDS = (
    (inspect.CO_COROUTINE, "async "),
    (inspect.CO_ASYNC_GENERATOR, "async generator "),
    (inspect.CO_GENERATOR, "generator "),
)


def frame(entry):
    """The kind and the name of a frame's function, as `async leaf`."""
    code = entry.frame.f_code
    kind = next((kind for flag, kind in KINDS if code.co_flags & flag), "")
    return kind + code.co_name


def name(future):
    return future.get_name() if hasattr(future, "get_name") else "a future"


def shown(graph):
    """`[name, [frame, ...], [awaiter, ...]]`, the awaiters in the same form."""
    return [
        name(graph.future),
        [frame(entry) for entry in graph.call_stack],
        [shown(awaiter) for awaiter in graph.awaited_by],
    ]


def stack(graph):
    return [frame(entry) for entry in graph.call_stack]


def awaiters(graph):
    """The names of those that directly wait for it."""
    return [name(awaiter.future) for awaiter in graph.awaited_by]


def nodes(*graphs):
    """Every object that is part of the graphs, each once."""
    found = {}
    pending = list(graphs)
    while pending:
        graph = pending.pop()
        if id(graph) not in found:
            found[id(graph)] = graph
            pending.extend(graph.awaited_by)
    return list(found.values())


def plain(text):
    """A text with `ID` for each address, and files without their folders."""
    text = re.sub(r"id=0x[0-9a-f]+", "id=ID", text)
    text = re.sub(r"'[^']*/([^/']+\.py)'", r"'\1'", text)
    return re.sub(r"line \d+", "line N", text)
