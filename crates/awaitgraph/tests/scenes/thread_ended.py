"""A thread has ended, the tasks of its loop have not."""
import asyncio
import threading

import truth

kept = []


async def leaf():
    truth.mark("leaf")
    await truth.forever()


async def left():
    truth.mark("left")
    await asyncio.gather(leaf())


def thread():
    loop = asyncio.new_event_loop()
    kept.append(loop)
    kept.append(loop.create_task(left()))
    for _ in range(3):
        loop.run_until_complete(asyncio.sleep(0))


async def main():
    truth.mark("main")
    await truth.forever()


truth.awaits("left", "leaf", "gather")
truth.when(lambda: "main" in truth._marks)
other = threading.Thread(target=thread)
other.start()
other.join()
truth.run(main)
