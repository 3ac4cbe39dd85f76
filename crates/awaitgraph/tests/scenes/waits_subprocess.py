"""Child processes: which one, and whether it still lives."""
import asyncio
import sys

import truth


async def waits():
    truth.mark("waits")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=-1)
    truth.waits("waits", "subprocess", pid=process.pid, alive=True, name="process")
    await process.wait()


async def writes():
    truth.mark("writes")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", IDLE, stdin=-1)
    # uvloop has a pair of sockets for it; where asyncio has one, it calls it a pipe.
    family = "unix" if truth.FLAVOURS.get("loop") == "uvloop" else "pipe"
    truth.waits("writes", "stream", name="Process.stdin", action="write", family=family)
    while True:
        process.stdin.write(bytes(100_000))
        await process.stdin.drain()


async def main():
    truth.mark("main")
    await asyncio.gather(waits(), writes())


# It reads nothing, and ends when the pipe does.
IDLE = "import select; poll = select.poll(); poll.register(0, 0); poll.poll()"
truth.awaits("main", "writes", "gather")
truth.awaits("main", "waits", "gather")
truth.run(main)
