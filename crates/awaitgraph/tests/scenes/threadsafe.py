"""run_coroutine_threadsafe: a task awaits, through two futures, one of another thread's loop."""
import asyncio
import threading

import truth

other = truth.new_loop()


async def child():
    truth.mark("child")
    await asyncio.ensure_future(leaf())


async def leaf():
    truth.mark("leaf")
    await truth.forever()


def serve():
    asyncio.set_event_loop(other)
    other.run_forever()


async def main():
    truth.mark("main")
    threading.Thread(target=serve, daemon=True).start()
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(child(), other))


truth.awaits("main", "child", "callback")
truth.awaits("child", "leaf", "await")
truth.run(main)
