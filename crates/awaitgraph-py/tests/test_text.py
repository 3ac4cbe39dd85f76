"""The text: as CPython 3.14 writes it, and finite where that is not."""

import asyncio

import pytest

from awaitgraph import format_call_graph, future_add_to_awaited_by
from notation import plain
from scene import forever, settle, start


# asyncio.TaskGroup
@pytest.mark.since(3, 11)
def test_the_example_of_the_documentation(run_c, tmp_path):
    program = tmp_path / "t2.py"
    program.write_text(
        "import asyncio\n"
        "\n"
        "async def test():\n"
        "    texts.append(awaitgraph.format_call_graph())\n"
        "async def main():\n"
        "    async with asyncio.TaskGroup() as g:\n"
        "        g.create_task(test(), name='test')\n"
    )
    import awaitgraph

    names = {"awaitgraph": awaitgraph, "texts": []}
    exec(compile(program.read_text(), "t2.py", "exec"), names)
    run_c(names["main"])
    (text,) = names["texts"]
    lines = plain(text).splitlines()
    assert lines[:6] == [
        "* Task(name='test', id=ID)",
        "  + Call stack:",
        "  |   File 't2.py', line N, in async test()",
        "  + Awaited by:",
        f"    * Task(name={names_of(text)[1]!r}, id=ID)",
        "      + Call stack:",
    ]
    # Some versions end a group in two functions.
    assert lines[-2:] == [
        "      |   File 'taskgroups.py', line N, in async TaskGroup.__aexit__()",
        "      |   File 't2.py', line N, in async main()",
    ]
    assert "File 't2.py', line 4, in async test()" in text
    assert text.endswith("File 't2.py', line 6, in async main()") or "line 7, in" in text


def names_of(text):
    """The names in a text, from the top."""
    return [line.split("'")[1] for line in text.splitlines() if "* Task(name='" in line]


def test_a_future_has_no_name_and_no_stack(run):
    async def main():
        future = asyncio.get_running_loop().create_future()
        alone = format_call_graph(future)
        await_it = start(asyncio.wait([future]), "waits")
        await settle()
        text = format_call_graph(future)
        await_it.cancel()
        return future, alone, text

    future, alone, text = run(main)
    assert alone == f"* Future(id={id(future):#x})"
    assert plain(text).splitlines()[:4] == [
        "* Future(id=ID)",
        "  + Awaited by:",
        "    * Task(name='waits', id=ID)",
        "      + Call stack:",
    ]


NAMES = ["", "it's", '"', "it's \"x\"", "back\\slash", "line\nfeed", "\x1b[2J", "größe", "東京", "\udc80", "\u202e", "a" * 10_000]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_are_written_as_python_writes_a_string(run, name):
    async def main():
        task = start(forever(), name)
        return format_call_graph(task), id(task)

    text, address = run(main)
    assert text.splitlines()[0] == f"* Task(name={name!r}, id={address:#x})"


def test_files_are_written_as_python_writes_a_string(run):
    path = "/tmp/it's a path\n\x1b[2J.py"
    names = {"forever": forever}
    exec(compile("async def program():\n    await forever()\n", path, "exec"), names)

    async def main():
        task = start(names["program"](), "task")
        await settle()
        return format_call_graph(task)

    assert run(main).splitlines()[-1] == f"  |   File {path!r}, line 2, in async program()"


def test_kinds_of_frames(run):
    async def main():
        async def numbers():
            await forever()
            yield

        async def program():
            async for _ in numbers():
                pass

        task = start(program(), "task")
        await settle()
        text = format_call_graph(task)

        def generator():
            yield format_call_graph()

        return text, next(generator())

    suspended, running = run(main)
    prefix = f"{test_kinds_of_frames.__qualname__}.<locals>.main."
    words = [line.rpartition(" in ")[2] for line in suspended.splitlines()[2:]]
    assert words == [
        "async forever()",
        f"async generator {prefix}<locals>.numbers()",
        f"async {prefix}<locals>.program()",
    ]
    words = [line.rpartition(" in ")[2] for line in running.splitlines()[2:]]
    assert words == [
        f"generator {prefix}<locals>.generator()",
        f"async {prefix.rstrip('.')}()",
    ]


def test_what_stands_at_two_places_is_written_once(run):
    async def main():
        leaf = start(forever(), "leaf")

        async def waits(*tasks):
            await asyncio.wait(tasks)

        left, right = start(waits(leaf), "left"), start(waits(leaf), "right")
        start(waits(left, right), "top")
        await settle()
        return format_call_graph(leaf)

    lines = [line for line in plain(run(main)).splitlines() if "Task(" in line or "Awaited" in line]
    assert lines == [
        "* Task(name='leaf', id=ID)",
        "  + Awaited by:",
        "    * Task(name='left', id=ID)",
        "      + Awaited by:",
        "        * Task(name='top', id=ID)",
        "    * Task(name='right', id=ID)",
        "      + Awaited by:",
        "        * Task(name='top', id=ID) (*)",
    ]


def test_a_cycle_is_cut(run):
    async def main():
        tasks = []

        async def waits(number):
            await asyncio.wait([tasks[number]])

        tasks += [start(waits(1), "a"), start(waits(2), "b"), start(waits(0), "c")]
        await settle()
        return format_call_graph(tasks[0])

    lines = [line for line in plain(run(main)).splitlines() if "Task(" in line]
    assert lines == [
        "* Task(name='a', id=ID)",
        "    * Task(name='c', id=ID)",
        "        * Task(name='b', id=ID)",
        "            * Task(name='a', id=ID) (cycle)",
    ]


def test_a_task_that_awaits_itself(run):
    async def main():
        async def waits():
            await asyncio.wait([asyncio.current_task()])

        task = start(waits(), "narcissus")
        await settle()
        text = format_call_graph(task)
        return [line for line in plain(text).splitlines() if "Task(" in line]

    assert run(main) == [
        "* Task(name='narcissus', id=ID)",
        "    * Task(name='narcissus', id=ID) (cycle)",
    ]


def test_recorded_futures_are_written_too(run):
    async def main():
        loop = asyncio.get_running_loop()
        task, future = start(forever(), "task"), loop.create_future()
        future_add_to_awaited_by(task, future)
        await settle()
        return plain(format_call_graph(task, limit=0))

    assert run(main) == (
        "* Task(name='task', id=ID)\n  + Awaited by:\n    * Future(id=ID)"
    )


def test_what_is_kept_with_a_code_object_is_gone_with_it(run_c):
    """The words for a function are made once; those of another one at the same
    address are its own."""

    async def main():
        texts = []
        for number in range(50):
            names = {"forever": forever}
            source = "\n" * number + f"async def program_{number}():\n    await forever()\n"
            exec(compile(source, f"file_{number}.py", "exec"), names)
            task = start(names[f"program_{number}"](), "task")
            await settle()
            texts += [format_call_graph(task).splitlines()[-1] for _ in range(2)]
            task.cancel()
            await settle()
            del names, task
        return texts

    assert run_c(main) == [
        f"  |   File 'file_{number}.py', line {number + 2}, in async program_{number}()"
        for number in range(50)
        for _ in range(2)
    ]


def test_one_function_at_many_places(run_c):
    """More than are kept with the code object."""

    async def main():
        lines = [f"    if place == {place}: await forever()\n" for place in range(20)]
        names = {"forever": forever}
        exec(compile("async def program(place):\n" + "".join(lines), "places.py", "exec"), names)
        tasks = [start(names["program"](place), "task") for place in range(20)]
        await settle()
        return [format_call_graph(task).splitlines()[-1] for task in [*tasks, *reversed(tasks)]]

    expected = [f"  |   File 'places.py', line {place + 2}, in async program()" for place in range(20)]
    assert run_c(main) == [*expected, *reversed(expected)]
