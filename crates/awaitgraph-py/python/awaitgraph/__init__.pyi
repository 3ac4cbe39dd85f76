"""The types of the package; its documentation is that of `awaitgraph`."""

import asyncio
import os
import sys
from types import FrameType
from typing import Any, List, Literal, Optional, Protocol, Tuple, Union, final

if sys.version_info >= (3, 14):
    from asyncio import FrameCallGraphEntry as FrameCallGraphEntry
    from asyncio import FutureCallGraph as FutureCallGraph
else:
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class FrameCallGraphEntry:
        """One frame of a call stack."""

        frame: FrameType

    @dataclass(frozen=True)
    class FutureCallGraph:
        """A future, the frames that it stands in, and what waits for it."""

        future: asyncio.Future[Any]
        call_stack: Tuple[FrameCallGraphEntry, ...]
        awaited_by: Tuple[FutureCallGraph, ...]

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

class _Writer(Protocol):
    def write(self, text: str, /) -> object: ...

def capture_call_graph(
    future: Optional[asyncio.Future[Any]] = None,
    /,
    *,
    depth: int = 1,
    limit: Optional[int] = None,
) -> Optional[FutureCallGraph]:
    """Capture the call graph of a future, or of the current task.

    Return a `FutureCallGraph` of the future: its frames, innermost first, and
    the graphs of what waits for it, up to the tasks that nobody awaits. Each
    future is captured once, however many others it waits for; where a cycle
    closes stands a graph without awaiters.

    Without `future` it is that of the current task, and `None` where a loop
    runs but no task. `depth` skips frames of the current task from the top:
    with 1 the top one is that of the caller. `limit` is how many entries of
    each stack are kept: a positive one those closest to the invocation point, a
    negative one the topmost; with 0 no stacks are captured at all.

    Raises `RuntimeError` where no future is given and no loop is running in
    this thread, `TypeError` where `future` is something else, and `ValueError`
    where `depth` is more than the frames there are. What a subclass raises in
    its `get_coro` comes through.

    Described at https://docs.python.org/3.14/library/asyncio-graph.html
    """

def format_call_graph(
    future: Optional[asyncio.Future[Any]] = None,
    /,
    *,
    depth: int = 1,
    limit: Optional[int] = None,
) -> str:
    """Return the call graph of a future, or of the current task, as text.

    The text is that of `asyncio.format_call_graph`, but that a future which
    stands at several places is written whole at the first and marked `(*)` at
    the others, that a cycle is cut and marked `(cycle)`, and that past 1,000
    levels the indentation starts anew. It has no line feed at its end, and is
    empty where no future is given and no task is running.

    The arguments, and the errors, are those of `capture_call_graph`. What a
    subclass raises in its `get_name` comes through, too.

    Described at https://docs.python.org/3.14/library/asyncio-graph.html
    """

def print_call_graph(
    future: Optional[asyncio.Future[Any]] = None,
    /,
    *,
    file: Optional[_Writer] = None,
    depth: int = 1,
    limit: Optional[int] = None,
) -> None:
    """Print the call graph of a future, or of the current task.

    Writes what `format_call_graph` returns, and a line feed, to `file`, by
    default to `sys.stdout`. With a `depth` of 1 the top entry is the caller.
    Returns `None`.

    The other arguments, and the errors, are those of `capture_call_graph`; what
    `file` raises comes through.

    Described at https://docs.python.org/3.14/library/asyncio-graph.html
    """

def future_add_to_awaited_by(future: object, waiter: object, /) -> None:
    """Record that `waiter` waits for `future`.

    For code that connects futures by callbacks of its own, which nothing else
    tells from any other. From CPython 3.14 the record is the interpreter's;
    before, it is kept here, keeps neither of the two alive, and goes away with
    either.

    Returns `None`, raises nothing, and has no effect unless both are
    `asyncio.Future` or `asyncio.Task` or of a subclass.

    Described at https://docs.python.org/3.14/library/asyncio-graph.html
    """

def future_discard_from_awaited_by(future: object, waiter: object, /) -> None:
    """Take back that `waiter` waits for `future`.

    To be called when what `future_add_to_awaited_by` recorded is no longer so.

    Returns `None`, raises nothing, and has no effect where it is not recorded,
    or unless both are `asyncio.Future` or `asyncio.Task` or of a subclass.

    Described at https://docs.python.org/3.14/library/asyncio-graph.html
    """

def capture_all(
    loop: Optional[asyncio.AbstractEventLoop] = None,
) -> Tuple[FutureCallGraph, ...]:
    """Capture the call graphs of all tasks of a loop, by default the running one.

    A call graph leads from a task up to those that wait for it. So the fewest
    graphs that hold every task are those of the tasks that wait for no other,
    and of one task of each cycle that none of those leads to. They are returned
    as a tuple, in the order of the tasks' names (`Task-9` before `Task-10`);
    whatever stands in several of them is the same object in all. The tasks that
    nobody awaits are those at their ends, with an empty `awaited_by`. The
    current task has all its frames from the caller on.

    Raises `RuntimeError` where no loop is given and none is running in this
    thread. What a subclass raises in its `get_coro` comes through.

    Not in the asyncio documentation; it asks `asyncio.all_tasks`, described at
    https://docs.python.org/3.14/library/asyncio-task.html#asyncio.all_tasks
    """

def snapshot(
    pid: Optional[int] = None,
    *,
    core: Union[None, str, os.PathLike[str]] = None,
    sysroot: Union[None, str, os.PathLike[str]] = None,
) -> Snapshot:
    """Read the await graph of a process from its memory.

    This is what the command `awaitgraph` does, so it sees the same: the tasks
    of all event loops of all threads, each with its stack and with what waits
    for it. `pid` may be any process of CPython 3.8 to 3.15; one that runs is
    stopped for the time that it takes to copy what is read. Without `pid` it
    is this process, which is read as it runs.

    `core` is the path of a core file, read in place of a process, as the
    command's `--core` is; `sysroot` the folder with the files of the machine or
    container that the core is from, if those are not here.

    Returns a `Snapshot`.

    Raises `ProcessLookupError` where there is no such process or it ends,
    `PermissionError` where it may not be read or is being debugged, `ValueError`
    where it is not a CPython whose memory is known or `core` is no core file,
    `FileNotFoundError` where a core needs a file that is not here,
    `TimeoutError` where the process does not stop in time, and `OSError` where
    the system refuses anything else.

    Not in the asyncio documentation; the command's is at
    https://github.com/awaitgraph/awaitgraph
    """

@final
class Snapshot:
    """The await graph of a process at one moment, as `awaitgraph.snapshot` reads it.

    The methods return what the commands print: `tree` that of `awaitgraph
    pstree`, `table` that of `awaitgraph ps PID`, `dump` that of `awaitgraph
    dump`, `to_json`, `dot` and `mermaid` that of any of them with `--format`.
    None of them raises.
    """

    def to_json(self) -> str:
        """Return the graph as a JSON document, described by docs/json.md."""

    def tree(self) -> str:
        """Return the tree of all tasks, the task that waits above those it waits for."""

    def table(self) -> str:
        """Return a table of all tasks, a line for each and for those that are alike."""

    def dump(self) -> str:
        """Return each task with its stack and the tasks that await it."""

    def dot(self) -> str:
        """Return the graph in the language of Graphviz."""

    def mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart."""

    def findings(self) -> List[Finding]:
        """Return what is wrong, as far as one look can tell; `check` takes more."""

    @property
    def problems(self) -> List[str]:
        """What could not be read, a line for each part; all else is in the graph."""

def check(pid: Optional[int] = None, *, seconds: float = 1.0) -> List[Finding]:
    """Find what is wrong in a process, and certainly so.

    This is what the command `awaitgraph check` does: it finds deadlocks (tasks
    that wait for each other or for themselves, by awaiting one another or over
    locks, semaphores and queues), tasks that wait for a lock which nobody is
    left to release or for a future which nothing is left to complete, and loops
    that synchronous code does not let go of. For these a loop that may be blocked
    is looked at again and again for `seconds`; with 0 they are left out, as they
    are for this process, which is looked at once.

    Returns a list of `Finding`, empty where nothing is wrong.

    Raises `ValueError` where `seconds` is no length of time, and what `snapshot`
    raises.

    Not in the asyncio documentation; the command's is at
    https://github.com/awaitgraph/awaitgraph
    """

@final
class Finding:
    """Something that is wrong in a process, as `awaitgraph.check` finds it.

    `str` of it is what the command `awaitgraph check` prints.
    """

    @property
    def kind(
        self,
    ) -> Literal["deadlock", "waits_for_itself", "abandoned", "orphaned", "blocked_loop"]:
        """What it is: `deadlock`, `waits_for_itself`, `abandoned`, `orphaned` or `blocked_loop`."""

    @property
    def tasks(self) -> List[Tuple[int, str]]:
        """The tasks that it is about, each with its `id` and its name."""

def allow_attach(pid: Union[Literal["any"], int] = "any") -> None:
    """Allow other processes to read this one.

    Where the setting `kernel.yama.ptrace_scope` is 1, as on many desktops,
    the command `awaitgraph` of the same user is refused unless it is an
    ancestor of the process or has privileges. This allows it: with the default to
    any process of the user, with a `pid` to that process and its descendants. A
    later call takes the place of an earlier one. It is
    `prctl(PR_SET_PTRACER)`; nothing changes where that setting has another
    value, and no other rule of the kernel is touched.

    Returns `None`.

    Raises `ProcessLookupError` where there is no process `pid`, `ValueError`
    where `pid` is a text other than `"any"`, `TypeError` where it is neither a
    text nor a number, and `OSError` where the system refuses it.

    Not in the asyncio documentation; the setting is described at
    https://docs.kernel.org/admin-guide/LSM/Yama.html and the command at
    https://github.com/awaitgraph/awaitgraph
    """

def install() -> None:
    """Put the call graph functions of CPython 3.14 into asyncio.

    Whatever of them the running version lacks becomes an attribute of the
    module ``asyncio``, so that code written for 3.14 runs unchanged on 3.9 to
    3.13. What is there already stays as it is: on 3.14 and later that is all.
    To call it again changes nothing.

    Returns ``None`` and raises nothing.

    The names are described at
    https://docs.python.org/3.14/library/asyncio-graph.html
    """

def uninstall() -> None:
    """Take out of asyncio what `install` has put there, and nothing else.

    Returns ``None`` and raises nothing, also where nothing was installed.

    Not in the asyncio documentation: it is the reverse of `install`.
    """
