"""A signal's handler blocks the thread that sits in select: no task runs."""
import asyncio
import signal
import sys
import threading

import truth

MAIN = threading.main_thread().ident


def handler(*_):
    truth.block()


def send():
    """Sends the signal once the loop sits in select."""
    while truth._unsettled()[0] is not None:
        pass
    signal.pthread_kill(MAIN, signal.SIGUSR1)


def handled():
    if threading.current_thread().name != "truth":
        return True
    return sys._current_frames()[MAIN].f_code is truth.block.__code__


async def child():
    truth.mark("child")
    await truth.forever()


async def main():
    truth.mark("main")
    await asyncio.ensure_future(child())


signal.signal(signal.SIGUSR1, handler)
truth.awaits("main", "child", "await")
truth.when(handled)
threading.Thread(target=send, daemon=True).start()
truth.run(main)
