"""The main thread has ended by `pthread_exit`; a thread goes on with its loop."""
import asyncio
import ctypes
import threading

import truth


async def leaf():
    truth.mark("leaf")
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.gather(leaf(), sleeper())


async def sleeper():
    truth.mark("sleeper")
    await asyncio.sleep(1000)


def main_has_ended():
    with open("/proc/self/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"


truth.awaits("main", "leaf", "gather")
truth.awaits("main", "sleeper", "gather")
truth.waits("sleeper", "sleep", left=lambda: truth.waiter("sleeper").get_loop()._scheduled[0]._when)
truth.when(main_has_ended)
truth.watch()
threading.Thread(target=lambda: asyncio.run(main())).start()
ctypes.CDLL(None).pthread_exit(None)
