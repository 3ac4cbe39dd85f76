"""The stacks of tasks, as the program itself sees them.

By the attributes of coroutines (`cr_await` and its kin), and by what the
garbage collector knows where those end. A stack is a list of (frame, owner),
innermost first; the owner is the coroutine or generator that the frame belongs
to, where it is known.
"""

import gc
import sys
import types

_CHAINED = ("coroutine", "generator", "async_generator")
# What each kind of coroutine calls what it awaits, and its code.
_AWAITED = {"cr": "cr_await", "gi": "gi_yieldfrom", "ag": "ag_await"}
_KINDS = {"cr": "async", "gi": "generator", "ag": "async generator"}
# The file of compiled asynchronous generators, which do not tell it.
file_of_compiled = None
_OPAQUE = ("async_generator_asend", "async_generator_athrow", "coroutine_wrapper", "anext_awaitable")


# What gives the greenlet for which a coroutine's frame awaits, if any.
greenlet_of = None


def inside(awaitable):
    """The frame of a coroutine, generator or async generator, and what it awaits."""
    kind = type(awaitable)
    if kind is types.CoroutineType:
        return awaitable.cr_frame, awaitable.cr_await
    if kind is types.GeneratorType:
        return awaitable.gi_frame, awaitable.gi_yieldfrom
    if kind is types.AsyncGeneratorType:
        return awaitable.ag_frame, awaitable.ag_await
    return None, None


def chain(awaitable):
    """(frame, owner) of a suspended chain, innermost first."""
    found = []
    while awaitable is not None:
        frame, behind = inside(awaitable)
        if frame is not None:
            found.append((frame, awaitable))
            greenlet = greenlet_of and greenlet_of(frame)
            if greenlet:
                found += callers(greenlet.gr_frame)[::-1]
        elif _is_compiled(awaitable):
            found.append((None, awaitable))
            behind = getattr(awaitable, _AWAITED[_prefix(awaitable)])
        elif type(awaitable).__name__ in _OPAQUE:
            behind = _wrapped(awaitable)
        awaitable = behind
    return found[::-1]


def _wrapped(awaitable):
    """What an object of CPython's own passes on to.

    It is the first thing that it refers to, but for its type where that was
    made at run time; an async generator's value to send comes after the
    generator.
    """
    found = (o for o in gc.get_referents(awaitable) if o is not type(awaitable))
    return next(found, None)


def _prefix(awaitable):
    members = vars(type(awaitable))
    found = [prefix for prefix, name in _AWAITED.items() if name in members]
    return found[0] if found else None


def _is_compiled(awaitable):
    """Whether it is a coroutine that Cython has compiled."""
    own = (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)
    return type(awaitable) not in own and _prefix(awaitable) is not None


def root(coroutine):
    """The frame of a task's own coroutine, in a list; an empty one where it has returned."""
    frame, _ = inside(coroutine)
    return [] if frame is None else [frame]


def callers(frame):
    """(frame, owner) of an executing stack, innermost first."""
    found = []
    while frame is not None:
        found.append((frame, None))
        frame = frame.f_back
    return found


def running(coroutine, top, roots):
    """(frame, owner) of a running task, innermost first.

    From its coroutine inwards, by the thread's frames and by what
    is awaited: coroutines that an exception is being thrown through are not
    always among the thread's frames. Where the task is just executing the
    first step of an eager one, that one's frames are not its own.
    """
    if not root(coroutine):
        return []
    thread = [frame for frame, _ in callers(top)]
    places = {id(frame): place for place, frame in enumerate(thread)}
    frame, owner = root(coroutine)[0], coroutine
    found = []
    while frame is not None:
        found.append((frame, owner))
        owner = _thrown_through(owner)
        if owner is not None:
            frame = inside(owner)[0]
            continue
        place = places[id(frame)]
        frame = thread[place - 1] if place and id(thread[place - 1]) not in roots else None
        owner = frame and owner_of(frame)
    return found[::-1]


def _thrown_through(owner):
    """What a coroutine or generator passes an exception on to, if it does so now."""
    if owner is None:
        return None
    behind = inside(owner)[1]
    if behind is None and sys.version_info < (3, 14):
        # 3.13 does not tell; the collector sees it on the value stack, which
        # is empty where the frame itself executes.
        kinds = _CHAINED + _OPAQUE
        behind = [o for o in gc.get_referents(owner) if type(o).__name__ in kinds][-1:]
        behind = behind[0] if behind else None
    while type(behind).__name__ in _OPAQUE:
        behind = _wrapped(behind)
    return behind if type(behind).__name__ in _CHAINED else None


def place(frame, owner):
    if frame is None:
        # The line is not known to anybody.
        code = getattr(owner, "cr_code", None) or getattr(owner, "gi_code", None)
        return {
            "function": text(owner.__qualname__),
            "file": text(code.co_filename) if code else file_of_compiled,
            "kind": _KINDS[_prefix(owner)],
        }
    code = frame.f_code
    if hasattr(code, "co_qualname"):
        function = code.co_qualname
    else:
        owner = owner or owner_of(frame)
        function = owner.__qualname__ if owner is not None else code.co_name
        # functools.wraps and an assignment give it the name of another function.
        if function.rpartition(".")[2] != code.co_name:
            function = code.co_name
    kind = "sync"
    for flag, word in ((0x80, "async"), (0x200, "async generator"), (0x20, "generator")):
        if code.co_flags & flag:
            kind = word
    return {
        "function": text(function),
        "file": text(code.co_filename),
        "line": frame.f_lineno,
        "kind": kind,
    }


def owner_of(frame):
    """The coroutine or generator that an executing frame belongs to."""
    if frame.f_code.co_flags & 0x2A0:
        for referrer in gc.get_referrers(frame):
            if inside(referrer)[0] is frame:
                return referrer
    return None


def text(string):
    """A string as the document shows it: lone surrogates written out."""
    return string.encode("utf-8", "backslashreplace").decode("utf-8")
