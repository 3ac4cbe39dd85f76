"""`snapshot`, of this process and of another."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

import awaitgraph
import scene
from scene import forever, settle, start

PROGRAM = """
import asyncio
import sys

async def leaf():
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

async def main():
    task = asyncio.get_running_loop().create_task(leaf())
    task.set_name("leaf")
    await asyncio.gather(task)

asyncio.run(main())
"""


@pytest.fixture
def other():
    with scene.other(PROGRAM) as process:
        yield process


def names(snapshot):
    return sorted(task["name"] for task in json.loads(snapshot.to_json())["tasks"])


def test_of_another_process(other):
    snapshot = awaitgraph.snapshot(other.pid)
    document = json.loads(snapshot.to_json())
    assert document["schema"] == 1
    assert document["target"]["pid"] == other.pid
    assert document["snapshot"]["consistent"] is True
    assert names(snapshot) == ["Task-1", "leaf"]
    assert snapshot.tree().startswith("Task-1  main <string>:")
    assert "└── [gather] leaf  leaf <string>:" in snapshot.tree()
    assert snapshot.table().splitlines()[0].split()[:2] == ["ID", "STATE"]
    assert len(snapshot.table().splitlines()) == 3
    assert snapshot.dot().startswith("digraph")
    assert snapshot.problems == []
    assert repr(snapshot) == f"<awaitgraph.Snapshot of process {other.pid}, 2 tasks>"


def test_of_this_process(run_c):
    async def main():
        asyncio.current_task().set_name("main")
        leaf = start(forever(), "leaf")

        async def waits():
            await leaf

        start(waits(), "parent")
        await settle()
        return awaitgraph.snapshot(), awaitgraph.snapshot(os.getpid())

    for snapshot in run_c(main):
        assert names(snapshot) == ["leaf", "main", "parent"]
        assert "└── leaf  " in snapshot.tree()
        assert snapshot.problems == []


def test_of_this_process_without_asyncio_running():
    assert names(awaitgraph.snapshot()) == []


def test_what_it_shows_is_safe_to_print(run_c):
    async def main():
        start(forever(), "\x1b[2J")
        await settle()
        return awaitgraph.snapshot()

    snapshot = run_c(main)
    for text in snapshot.tree(), snapshot.table(), snapshot.dot():
        assert "\x1b" not in text
    assert "\x1b[2J" in names(snapshot)


def test_a_process_that_is_not_there():
    # No process has this number: the kernel's limit is 2^22.
    with pytest.raises(ProcessLookupError, match="no process 4194305"):
        awaitgraph.snapshot(4194305)


def test_a_process_that_is_no_python():
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        process.stdin.write(b"x")
        process.stdin.flush()
        # It has begun: before, it is still a copy of this process.
        assert process.stdout.read(1) == b"x"
        with pytest.raises(ValueError, match="is not a Python process"):
            awaitgraph.snapshot(process.pid)
        process.stdin.close()


# Its tasks do nothing more once it is ready.
PARKED = """
import asyncio
import functools

async def leaf():
    await asyncio.Event().wait()

async def main():
    loop = asyncio.get_running_loop()
    task = loop.create_task(leaf())
    task.set_name("leaf")
    loop.call_later(0.01, functools.partial(print, "ready", flush=True))
    await asyncio.gather(task)

asyncio.run(main())
"""


@pytest.fixture
def core(tmp_path):
    """A core file, and the pid and a snapshot of the process that left it."""
    with open("/proc/sys/kernel/core_pattern") as file:
        pattern = file.read()
    if "|" in pattern or "/" in pattern:
        pytest.skip("cores are not written where the process is")
    process = subprocess.Popen(
        ["sh", "-c", 'ulimit -c unlimited && exec "$0" "$@"', sys.executable, "-c", PARKED],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "ready\n"
        live = awaitgraph.snapshot(process.pid)
        process.send_signal(signal.SIGABRT)
        process.wait()
    [path] = tmp_path.iterdir()
    return path, process.pid, live


def test_of_a_core_file(core):
    path, pid, live = core
    for name in path, str(path):
        snapshot = awaitgraph.snapshot(core=name)
        assert snapshot.problems == []
        assert snapshot.tree() == live.tree()
        assert snapshot.table() == live.table()
        assert repr(snapshot) == f"<awaitgraph.Snapshot of process {pid}, 2 tasks>"
        document, other = (json.loads(it.to_json()) for it in (snapshot, live))
        for key in "snapshot", "threads":
            del document[key], other[key]
        # What a core does not know: its own id for itself, and what time it was.
        del other["target"]["own_pid"]
        for task in document["tasks"] + other["tasks"]:
            for key in "left", "deadline":
                (task["waits_for"] or {}).pop(key, None)
        assert document == other
    assert awaitgraph.snapshot(core=path, sysroot="/").tree() == live.tree()


def test_a_core_file_that_is_cut_off(core):
    path, _, live = core
    os.truncate(path, path.stat().st_size - 1)
    snapshot = awaitgraph.snapshot(core=path)
    assert snapshot.tree() == live.tree()
    [problem] = snapshot.problems
    assert problem.startswith(f"{path}: it is cut off: ")
    os.truncate(path, 70)
    with pytest.raises(ValueError, match="cut off within its headers"):
        awaitgraph.snapshot(core=path)


def test_what_is_no_core_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="cannot open"):
        awaitgraph.snapshot(core=tmp_path / "nothing")
    with pytest.raises(ValueError, match="not in the ELF format"):
        awaitgraph.snapshot(core=__file__)
    with pytest.raises(ValueError, match="a program or a library"):
        awaitgraph.snapshot(core=os.path.realpath(sys.executable))


def test_a_core_file_is_no_process():
    with pytest.raises(TypeError, match="not both"):
        awaitgraph.snapshot(1, core="core")
    with pytest.raises(TypeError, match="for a core file"):
        awaitgraph.snapshot(sysroot="/")


@pytest.mark.parametrize("pid", ["1", 1.5, object()])
def test_a_pid_is_a_number(pid):
    with pytest.raises(TypeError):
        awaitgraph.snapshot(pid)


@pytest.mark.parametrize("pid", [-1, 1 << 40])
def test_a_pid_that_no_process_can_have(pid):
    with pytest.raises((OverflowError, ProcessLookupError)):
        awaitgraph.snapshot(pid)


def test_a_snapshot_is_only_made_by_reading():
    with pytest.raises(TypeError):
        awaitgraph.Snapshot()


def test_it_may_be_used_from_any_thread(run_c):
    import threading

    snapshot = awaitgraph.snapshot()
    found = []
    thread = threading.Thread(target=lambda: found.append(snapshot.tree()))
    thread.start()
    thread.join()
    assert found == [snapshot.tree()]
