"""What a scene knows about itself, written down once everything is parked.

A scene is a small asyncio program that builds one situation and then stays in
it. This module watches it from a thread of its own: when nothing moves any
more it gathers the truth, writes it to stdout as one line of JSON in the shape
of awaitgraph's own document, and waits for the end of stdin.

Nothing here looks where the reader looks. Tasks are found among the objects of
the garbage collector, not in asyncio's registries; stacks by the attributes of
coroutines (`cr_await` and its kin) and by `gc.get_referents` where those end;
who awaits whom is not found at all but declared by the scene, which built it.
"""

import asyncio
import gc
import hashlib
import json
import os
import select
import sys
import threading
import time

import stacks

FLAVOURS = dict(
    argument.lstrip("-").split("=", 1) for argument in sys.argv[1:] if argument.startswith("--")
)
CTask = getattr(asyncio.tasks, "_CTask", asyncio.Task)
PyTask = asyncio.tasks._PyTask
PATIENCE_S = 60.0

if FLAVOURS.get("awake"):
    # A thread that always runs, and changes nothing that is Python's.
    arguments = ("sha256", b"", b"", 2**31 - 1)
    threading.Thread(target=hashlib.pbkdf2_hmac, args=arguments, daemon=True).start()

interpreter = 0

_marks = {}
_edges = []
_vias = {}
_names = {}
_stacks = []
_states = []
_loops = {}
_conditions = []
_blocking = set()
_spinning = set()
_parts = []
_waits = []
_limits = []
_numbers = []


# --- what a scene says about itself -----------------------------------------


def mark(label, task=None):
    """Calls the current task (or `task`) `label` from now on."""
    if task is None:
        task = current()
        here(asyncio.get_running_loop())
    assert _marks.setdefault(label, task) is task, "two tasks are called " + label


def here(loop):
    """Tells that this thread runs `loop`; `mark` does it by itself."""
    _loops[id(loop)] = (loop, threading.get_ident(), threading.get_native_id())


def current(loop=None):
    """The task that runs now, of either kind."""
    # From 3.14 on pure-Python tasks are entered into a dict that the C function ignores.
    loop = loop or asyncio.get_running_loop()
    pure = getattr(asyncio.tasks, "_py_current_task", asyncio.current_task)
    return asyncio.current_task(loop) or pure(loop)


def awaits(parent, child, how, via=None):
    """Declares an edge; each task by its label or itself.

    `via`, where given, tells the plain futures between the two, nearest to the
    child first: a function, which is called once everything is parked.
    """
    _edges.append((parent, child, how))
    if via is not None:
        _vias[_edges[-1]] = via


def waiter(task):
    """The future that a task waits for."""
    return _attribute(_task(task), "_fut_waiter")


def recorded(parent, child):
    """Declares an edge that only the interpreter's own record shows (3.14+)."""
    if sys.version_info >= (3, 14):
        awaits(parent, child, "recorded")


def waits(task, kind, **details):
    """Declares what a task waits for that waits for no other.

    A detail is the value of a key, or a function that gives it once everything
    is parked. Objects stand for their addresses and labels for tasks; `left`
    and `deadline` are the moment by the clock of the loop.
    """
    _waits.append((task, kind, details))


def child(parent, label, coroutine, kind, **details):
    """Starts a task that `parent` will gather, and declares what it waits for."""
    task = asyncio.ensure_future(coroutine)
    mark(label, task)
    awaits(parent, label, "gather")
    waits(label, kind, **details)
    return task


def limit(task, when):
    """Declares until when a task waits for others: the moment by the clock, or `None`."""
    _limits.append((task, when))


def named(task, name):
    """Declares a name, so that asking the task for it does not change it."""
    _names[task if isinstance(task, str) else id(task)] = name


def stack(task, *functions):
    """Declares functions' plain names, innermost first: a check on this module."""
    _stacks.append((task, functions))


def greenlets(of):
    """Declares what gives the greenlet that a coroutine's frame awaits for, if any."""
    stacks.greenlet_of = of


def state(task, word):
    """Declares a state: a check on this module."""
    _states.append((task, word))


def in_numbers(how, count):
    """Declares that `count` tasks are awaited `how` by one; the truth is then only counted."""
    _numbers.append((how, count))


def when(condition):
    """Nothing is parked before `condition()` is true."""
    _conditions.append(condition)


def forever():
    """A future that never completes; awaiting it adds no frame."""
    return asyncio.get_running_loop().create_future()


def block():
    """Blocks the thread in the kernel, with the GIL released."""
    os.read(_nothing, 1)


def blocks(function):
    """Tells that `function`, too, blocks its thread for good."""
    _blocking.add(function.__code__)
    return function


def spins(function):
    """Tells that `function` never ends, and is on one line all the time."""
    _spinning.add(function.__code__)
    return function


_nothing, _never_written = os.pipe()
blocks(block)


# --- running a scene ---------------------------------------------------------


def run(main):
    """Runs the scene's main coroutine function in the flavour asked for."""
    watch()
    if "trace" in FLAVOURS:
        sys.settrace(_trace)
        sys.setprofile(_profile)
    if not {"tasks", "loop"} & FLAVOURS.keys():
        asyncio.run(main())
    else:
        new_loop().run_until_complete(main())


def _trace(frame, event, argument):
    return _trace


def _profile(frame, event, argument):
    pass


def new_loop():
    """A loop of the flavour asked for."""
    if FLAVOURS.get("loop") == "uvloop":
        import uvloop

        loop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    tasks = FLAVOURS.get("tasks")
    if tasks:
        kinds = {"python": [PyTask], "mixed": [PyTask, CTask]}[tasks]
        made = []

        def factory(loop, coroutine, **options):
            made.append(None)
            return kinds[len(made) % len(kinds)](coroutine, loop=loop, **options)

        loop.set_task_factory(factory)
    return loop


def watch():
    """Starts the thread that waits for the scene to settle, and then reports."""
    threading.Thread(target=_watch, name="truth", daemon=True).start()


def _watch():
    try:
        _wait_until_parked()
        report(count() if _numbers else gather())
    except BaseException as error:
        sys.stderr.write("scene: %s: %s\n" % (type(error).__name__, error))
        sys.stderr.flush()
        os._exit(9)
    stay()


def report(truth, file=1):
    """Says that everything is ready, and with it the whole truth."""
    line = json.dumps(truth).encode("ascii") + b"\n"
    while line:
        line = line[os.write(file, line) :]


def tell(file):
    """Reports to `file` what holds while the calling line, which is to block, lasts."""
    report(gather(sys._getframe(1)), file)


def stay():
    """Waits for the end of stdin, and ends the process there and then.

    Before that, each byte is answered by every loop, to show that it is well.

    A plain scene is asleep then, and need not be stopped to be read. In any other
    flavour this thread runs now and then.
    """
    while _said():
        for loop, _, _ in _loops.values():
            loop.call_soon_threadsafe(os.write, 1, b"well\n")
    os._exit(0)


def _said():
    is_restless = any(it in FLAVOURS for it in ("tasks", "loop", "trace"))
    while is_restless and not select.select([0], [], [], 0.001)[0]:
        pass
    return os.read(0, 1)


def _wait_until_parked():
    end = time.monotonic() + PATIENCE_S
    before = None
    while True:
        why, now = _unsettled()
        if why is None and now == before:
            return
        before = now if why is None else None
        if time.monotonic() > end:
            raise TimeoutError("not parked: " + why)
        time.sleep(0.001)


def _unsettled():
    """Why the scene is not parked yet, or None and where all its threads are."""
    for label in {label for parent, child, _ in _edges for label in (parent, child)}:
        if isinstance(label, str) and label not in _marks:
            return "no task is called " + label, None
    for condition in _conditions:
        if not condition():
            return "a condition of the scene", None
    if not _loops:
        return "no loop runs", None
    frames = sys._current_frames()
    places = []
    for loop, ident, native in list(_loops.values()):
        if not loop.is_running():
            continue
        frame = frames.get(ident)
        if frame is not None and frame.f_code in _spinning:
            places.append((ident, id(frame)))
            continue
        if frame is None or not _in_kernel(native):
            return "a thread runs", None
        if frame.f_code not in _blocking and not _idle(loop, frame):
            return "a loop is busy", None
        places.append((ident, id(frame), frame.f_lasti))
        if not hasattr(loop, "_ready"):
            # Of one that is written in C the frames do not tell what it does.
            places.append(_runs(native))
    return None, places


def _runs(native):
    """How often the thread was let run, where the kernel counts that."""
    try:
        with open("/proc/self/task/%d/schedstat" % native) as file:
            return file.read().split()[2]
    except OSError:
        return None


def _idle(loop, frame):
    if not hasattr(loop, "_ready"):
        return all(_state(task) == "waiting" for task in tasks() if _loop(task) is loop)
    timers = [handle._when for handle in loop._scheduled if not handle._cancelled]
    soon = loop.time() + 60
    return not loop._ready and frame.f_code.co_name == "select" and not any(t < soon for t in timers)


def _in_kernel(native):
    """Whether the thread waits in a system call that is not for the GIL."""
    try:
        with open("/proc/self/task/%d/syscall" % native) as file:
            number = file.read().split()[0]
    except OSError:
        return True
    return number not in ("running", "202" if os.uname().machine == "x86_64" else "98")


# --- the truth ---------------------------------------------------------------


def gather(own=None):
    """The whole truth about this interpreter, and what `join` added to it.

    This thread's own stack is told from the frame `own` outwards.
    """
    # Of a subinterpreter that is the only one: the function would look at the
    # frames of the other interpreters too, which run meanwhile.
    frames = {} if interpreter else sys._current_frames()
    frames[threading.get_ident()] = own
    alive = tasks()
    roots = {id(frame): task for task in alive for frame in stacks.root(_coro(task))}
    natives = {id(loop): native for loop, _, native in _loops.values() if loop.is_running()}
    idents = {id(loop): ident for loop, ident, _ in _loops.values() if loop.is_running()}
    described = {}
    for task in alive:
        word = _state(task)
        top = frames.get(idents.get(id(_loop(task))))
        places = stacks.running(_coro(task), top, roots) if word == "running" else stacks.chain(_coro(task))
        described[id(task)] = {
            "id": hex(id(task)),
            "name": stacks.text(_name(task)),
            "state": word,
            "interpreter": interpreter,
            "thread": natives.get(id(_loop(task))),
            "stack": [stacks.place(frame, owner) for frame, owner in places],
            "awaited_by": [],
        }
        if _cancelling(task):
            described[id(task)]["cancelling"] = True
    for parent, child, how in _edges:
        edge = {"id": hex(id(_task(parent))), "how": how}
        if (parent, child, how) in _vias:
            edge["via"] = [hex(id(future)) for future in _vias[parent, child, how]()]
        if how == "recorded" and not all(isinstance(_task(t), CTask) for t in (parent, child)):
            continue  # the record knows no others
        assert id(_task(parent)) in described, "%s is finished" % (parent,)
        if edge not in described[id(_task(child))]["awaited_by"]:
            described[id(_task(child))]["awaited_by"].append(edge)
    for task, kind, details in _waits:
        described[id(_task(task))]["waits_for"] = _wait(kind, details)
    for task, when in _limits:
        described[id(_task(task))]["limit"] = {"deadline": when}
    _check(described)
    threads = []
    for loop, ident, native in _loops.values():
        if loop.is_running():
            stack = stacks.callers(frames.get(ident))
            running = [roots[id(frame)] for frame, _ in stack if id(frame) in roots]
            running = running[0] if running else current(loop)
            threads.append(
                {
                    "interpreter": interpreter,
                    "thread": native,
                    "running": running and hex(id(running)),
                    "stack": [stacks.place(*pair) for pair in stack],
                }
            )
    whole = {
        "pid": os.getpid(),
        "python": "%d.%d.%d" % sys.version_info[:3],
        "free_threaded": "t" in sys.abiflags,
        # Of this thread: a main thread that has ended has none.
        "executable": os.readlink("/proc/thread-self/exe"),
        "labels": {label: hex(id(task)) for label, task in _marks.items()},
        "monotonic": time.monotonic(),
        "threads": threads,
        "tasks": list(described.values()),
    }
    for part in _parts:
        whole["threads"] += part["threads"]
        whole["tasks"] += part["tasks"]
        whole["labels"].update(part["labels"])
    return whole


def _wait(kind, details):
    found = {"kind": kind}
    for key, value in details.items():
        value = value() if callable(value) else value
        if key in ("holders", "others"):
            value = sorted(hex(id(_task(task))) for task in value)
        elif key == "id":
            value = value if value is None else hex(id(value))
        found[key] = value
    return found


def count():
    """The truth of a scene whose whole truth would take too long."""
    states = {}
    for task in tasks():
        states[_state(task)] = states.get(_state(task), 0) + 1
    return {
        "pid": os.getpid(),
        "names": [stacks.text(_name(task)) for task in tasks()],
        "states": states,
        "edges": dict(_numbers),
    }


def join(part):
    """Adds the truth of another interpreter of this process."""
    _parts.append(part)


def tasks():
    """Every unfinished task of this interpreter."""
    kinds = (CTask, PyTask)
    return [o for o in gc.get_objects() if issubclass(type(o), kinds) and not _done(o)]


def _task(task):
    return _marks[task] if isinstance(task, str) else task


# The base classes are asked, not the objects: a subclass may answer what it likes.


def _base(task):
    return CTask if isinstance(task, CTask) else PyTask


def _attribute(task, name):
    base = _base(task)
    return getattr(base, name).__get__(task) if base is CTask else task.__dict__[name]


def _done(task):
    return _base(task).done(task)


def _cancelling(task):
    if _attribute(task, "_must_cancel"):
        return True
    return sys.version_info >= (3, 11) and _base(task).cancelling(task) > 0


def _coro(task):
    return _base(task).get_coro(task)


def _loop(task):
    return _attribute(task, "_loop")


def _name(task):
    for key in [id(task)] + [label for label, other in _marks.items() if other is task]:
        if key in _names:
            return _names[key]
    return _base(task).get_name(task)


def _state(task):
    coroutine = _coro(task)
    if getattr(coroutine, "cr_running", False) or getattr(coroutine, "gi_running", False):
        return "running"
    if current(_loop(task)) is task:
        return "running"
    waiter = _attribute(task, "_fut_waiter")
    if isinstance(waiter, (CTask, PyTask)):
        return "ready" if _done(waiter) else "waiting"
    return "ready" if waiter is None or waiter.done() else "waiting"


def _check(described):
    """That what the scene says of itself and what was found are the same."""
    for task, functions in _stacks:
        found = described[id(_task(task))]["stack"]
        names = tuple(place["function"].rpartition(".")[2] for place in found)
        if found and found[0]["file"].endswith("asyncio/futures.py"):
            names = names[1:]  # `__await__` of a pure-Python task or future
        assert names == functions, "stack of %s: %s" % (task, names)
    for task, word in _states:
        found = described[id(_task(task))]["state"]
        assert found == word, "state of %s: %s" % (task, found)
    pairs = {(edge["id"], child["id"]) for child in described.values() for edge in child["awaited_by"]}
    record = _record(described)
    assert record is None or record <= pairs, "recorded, not declared: %s" % (record - pairs)
    for parent, child, how in _edges:
        pair = (hex(id(_task(parent))), hex(id(_task(child))))
        assert pair not in pairs or how != "recorded" or pair in record, "not recorded: %s" % (pair,)


def _record(described):
    """The (parent, child) pairs that the interpreter itself recorded, through plain futures."""
    if sys.version_info < (3, 14):
        return None
    pairs = set()
    for child in tasks():
        seen = set()
        above = list(child._asyncio_awaited_by or ())
        while above:
            future = above.pop()
            if id(future) in described:
                pairs.add((hex(id(future)), hex(id(child))))
            elif id(future) not in seen and not isinstance(future, (CTask, PyTask)):
                seen.add(id(future))
                above += future._asyncio_awaited_by or ()
    return pairs
