"""Tasks wait for the output and for the end of a child process."""
import asyncio
import sys

import truth


async def output(process):
    truth.mark("output")
    await process.stdout.readline()


async def end(process):
    truth.mark("end")
    await process.wait()


async def main():
    truth.mark("main")
    # The child ends with its stdin, thus with this process.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; sys.stdin.read()",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    await asyncio.gather(output(process), end(process))


truth.awaits("main", "output", "gather")
truth.awaits("main", "end", "gather")
truth.run(main)
