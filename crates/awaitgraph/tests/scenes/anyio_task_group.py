"""anyio's task groups: in the body, at the end, one inside another."""
import importlib.metadata

import anyio

import truth

# Its end was asyncio.wait() once, and thus two constructs.
WAITS = tuple(map(int, importlib.metadata.version("anyio").split(".")[:2])) < (4, 8)


async def child(label):
    truth.mark(label)
    await truth.forever()


async def service(label):
    truth.mark(label)
    async with anyio.create_task_group() as group:
        group.start_soon(child, label + "1", name="anyio child")
        group.start_soon(child, label + "2")


async def body():
    truth.mark("body")
    async with anyio.create_task_group() as group:
        group.start_soon(child, "body1")
        with anyio.fail_after(3600):
            await anyio.sleep_forever()


async def main():
    truth.mark("main")
    async with anyio.create_task_group() as outer:
        outer.start_soon(service, "a")
        outer.start_soon(body)
        async with anyio.create_task_group() as inner:
            inner.start_soon(service, "b")


for parent, children in {"main": "a b body", "a": "a1 a2", "b": "b1 b2", "body": "body1"}.items():
    for label in children.split():
        truth.awaits(parent, label, "task_group")
        if WAITS and (parent, label) not in [("main", "a"), ("main", "body"), ("body", "body1")]:
            truth.awaits(parent, label, "wait")
truth.watch()
anyio.run(main)
