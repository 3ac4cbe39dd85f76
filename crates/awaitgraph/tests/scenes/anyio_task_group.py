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


async def starting(label, *, task_status):
    truth.mark(label)
    await truth.forever()


async def starts():
    truth.mark("starts")
    async with anyio.create_task_group() as group:
        await group.start(starting, "starting")


async def main():
    truth.mark("main")
    async with anyio.create_task_group() as outer:
        outer.start_soon(service, "a")
        outer.start_soon(body)
        outer.start_soon(starts)
        async with anyio.create_task_group() as inner:
            inner.start_soon(service, "b")


FAMILY = {
    "main": "a b body starts",
    "a": "a1 a2",
    "b": "b1 b2",
    "body": "body1",
    "starts": "starting",
}
AT_END = [("main", "b"), ("a", "a1"), ("a", "a2"), ("b", "b1"), ("b", "b2")]
for parent, children in FAMILY.items():
    for label in children.split():
        truth.awaits(parent, label, "task_group")
        if WAITS and (parent, label) in AT_END:
            truth.awaits(parent, label, "wait")
truth.watch()
anyio.run(main)
