"""The only loop runs in a thread, while the main thread waits to join it."""
import asyncio
import threading

import truth


async def leaf():
    truth.mark("leaf")
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.ensure_future(leaf())


truth.awaits("main", "leaf", "await")
truth.watch()
thread = threading.Thread(target=lambda: asyncio.run(main()))
thread.start()
thread.join()
