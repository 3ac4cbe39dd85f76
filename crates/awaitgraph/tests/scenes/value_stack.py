"""Suspended with other things on the value stack: iterators, arguments, contexts, exceptions."""
import asyncio
import contextlib

import truth


class Context:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await asyncio.sleep(0)


async def pause():
    await truth.forever()


async def iterators():
    truth.mark("iterators")
    for a in range(3):
        for b in [iter(())]:
            for c in {"k": pause}.values():
                await c()


async def arguments():
    truth.mark("arguments")
    other = pause()
    try:
        print(1, other, [2, *(3, 4)], {"k": await pause()}, key=5)
    finally:
        other.close()


async def expression(x=1):
    truth.mark("expression")
    return x + (2 * (3 - (x or await pause()) + (x and await pause())))


async def contexts():
    truth.mark("contexts")
    for _ in range(2):
        try:
            async with Context(), Context() as context:
                with contextlib.suppress(ValueError):
                    await pause()
        finally:
            await asyncio.sleep(0)


async def handler():
    truth.mark("handler")
    try:
        raise ValueError("as it should")
    except ValueError as error:
        try:
            raise KeyError("once more") from error
        except KeyError:
            await pause()


async def finalizer():
    truth.mark("finalizer")
    for _ in range(2):
        try:
            continue
        finally:
            await pause()


async def after_exception():
    truth.mark("after exception")
    try:
        raise ValueError("as it should")
    finally:
        await pause()


async def many_locals():
    truth.mark("many locals")
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = object()
    b0 = b1 = b2 = b3 = b4 = b5 = b6 = b7 = b8 = b9 = pause
    cell = [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9]

    def closure():
        return cell, b0, b1

    await b9()
    return closure, b2, b3, b4, b5, b6, b7, b8


async def in_formatted():
    truth.mark("formatted")
    return f"{1} {pause} {await pause()!r:>{10}}"


async def unpacked():
    truth.mark("unpacked")
    a, *b = 1, [2], await pause(), 4
    return a, b


async def chained():
    truth.mark("chained")
    return 1 < 2 < (await pause()) < 3


async def handled_group(label="manager error"):
    truth.mark(label)
    async with Slow():
        raise ValueError("as it should")


class Slow(Context):
    async def __aexit__(self, *_):
        await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.gather(
        iterators(),
        arguments(),
        expression(),
        contexts(),
        handler(),
        finalizer(),
        after_exception(),
        many_locals(),
        in_formatted(),
        unpacked(),
        chained(),
        handled_group(),
    )


LABELS = (
    "iterators, arguments, expression, contexts, handler, finalizer, after exception,"
    " many locals, formatted, unpacked, chained"
)
for label in LABELS.split(", "):
    truth.awaits("main", label, "gather")
    truth.stack(label, "pause", label.replace(" ", "_").replace("formatted", "in_formatted"))
truth.awaits("main", "manager error", "gather")
truth.run(main)
