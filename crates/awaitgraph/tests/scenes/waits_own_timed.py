"""The same where timers complete some of the futures."""
import asyncio
import time

import truth
import waits_own
from waits_own import add, asks, connection, plain, tasks


async def main():
    truth.mark("main")
    loop = asyncio.get_running_loop()
    for number in range(6):
        plain("plain %d" % number)
        one = connection(truth.forever())
        loop.call_later(700 + number, one.waiter.set_result, None)
        add("timed %d" % number, asks(one), "sleep", id=one.waiter, left=time.monotonic() + 700 + number)
    waits_own.told()
    waits_own.queues()
    await asyncio.gather(*tasks)


truth.run(main)
