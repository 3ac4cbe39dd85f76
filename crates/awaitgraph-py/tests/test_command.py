"""The command: as a script, and as `python -m awaitgraph`."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

MODULE = [sys.executable, "-m", "awaitgraph"]
SCRIPT = [os.path.join(os.path.dirname(sys.executable), "awaitgraph")]


@pytest.fixture(params=["module", "script"])
def command(request):
    if request.param == "script" and not os.path.exists(SCRIPT[0]):
        pytest.skip("the package is not installed here, only importable")
    return MODULE if request.param == "module" else SCRIPT


def run(command, *arguments, **options):
    return subprocess.run(
        [*command, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, **options
    )


def test_version(command):
    done = run(command, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["awaitgraph", "0.1.0"]


def test_help_calls_it_by_its_name(command):
    done = run(command, "--help")
    assert done.returncode == 0
    assert "Usage: awaitgraph" in done.stdout
    assert "pstree" in done.stdout


def test_wrong_usage(command):
    done = run(command, "nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nonsense" in done.stderr


def test_nothing_to_read(command):
    # No process has this number: the kernel's limit is 2^22.
    done = run(command, "pstree", "4194305")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no process 4194305" in done.stderr


@contextlib.contextmanager
def service(tasks):
    """A process with so many tasks that all wait; its process id."""
    program = (
        "import asyncio, sys\n"
        "async def wait(future):\n"
        "    await future\n"
        "async def main():\n"
        "    future = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)\n"
        f"    children = [asyncio.ensure_future(wait(future)) for _ in range({tasks - 1})]\n"
        "    await asyncio.sleep(0)\n"
        "    print('ready', flush=True)\n"
        "    await future\n"
        "asyncio.run(main())\n"
    )
    target = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with target:
        assert target.stdout.readline() == "ready\n"
        yield str(target.pid)
        target.stdin.close()


def test_a_live_process(command):
    with service(1) as pid:
        done = run(command, "pstree", pid)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Task-1  main <string>:9")


def test_ctrl_c_ends_it(command):
    with service(10_000) as pid:
        process = subprocess.Popen(
            [*command, "ps", pid, "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        with process:
            # What it writes is more than a pipe takes, and nobody reads on: it
            # hangs in a system call of its own, with no Python to run.
            assert process.stdout.read(1) == b"{"
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == -signal.SIGINT


def test_arguments_that_are_no_text(command):
    done = subprocess.run([*command, b"\xff"], stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 2


def test_a_closed_pipe_is_no_error(command):
    # /bin/sh has no pipefail: the exit code is written beside the pipe.
    line = '{ "$@"; echo $? >&2; } | true'
    done = run(["/bin/sh", "-c", line, "sh", *command, "--help"])
    assert done.stderr.strip() == "0"


def test_without_standard_streams(command):
    line = '"$@" >&- 2>&-'
    assert run(["/bin/sh", "-c", line, "sh", *command, "--version"]).returncode in (0, 1)


def test_the_handler_is_left_alone_in_other_threads():
    program = (
        "import signal, sys, threading\n"
        "from awaitgraph._command import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.argv = ['awaitgraph', '--version']\n"
        "thread = threading.Thread(target=main)\n"
        "thread.start()\n"
        "thread.join()\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
    )
    assert run([sys.executable, "-c", program]).returncode == 0
