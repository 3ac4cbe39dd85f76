"""Async comprehensions: a list, a set, a dict, one inside another, and async generator expressions."""
import asyncio

import truth


async def numbers():
    yield 1
    await truth.forever()


async def pause(_):
    await truth.forever()


async def ready(value):
    return value


async def a_list():
    truth.mark("list")
    return [number async for number in numbers()]


async def a_set():
    truth.mark("set")
    return {await pause(number) for number in range(3)}


async def a_dict():
    truth.mark("dict")
    return {
        number: number
        async for number in numbers()
        if number
    }


async def inside():
    truth.mark("inside")
    return [
        [await pause(a) for a in range(3)]
        for _ in range(await ready(2))
        if await ready(True)
    ]


async def expression():
    truth.mark("expression")
    async for _ in (number + 1 async for number in numbers()):
        pass


async def awaits_in_expression():
    truth.mark("awaits in expression")
    return [number async for number in (await pause(x) for x in range(3))]


async def main():
    truth.mark("main")
    await asyncio.gather(
        a_list(), a_set(), a_dict(), inside(), expression(), awaits_in_expression()
    )


for label in ("list", "set", "dict", "inside", "expression", "awaits in expression"):
    truth.awaits("main", label, "gather")
truth.run(main)
