"""Suspended inside except* handlers. From 3.11."""
import asyncio

import truth


async def pause():
    await truth.forever()


async def starred():
    truth.mark("starred")
    try:
        raise ExceptionGroup("both", [ValueError(1), KeyError(2)])
    except* ValueError:
        await pause()
    except* KeyError:
        pass


async def second():
    truth.mark("second")
    for _ in range(2):
        try:
            raise ExceptionGroup("both", [ValueError(1), KeyError(2)])
        except* ValueError:
            pass
        except* KeyError as group:
            await pause()
            del group


async def main():
    truth.mark("main")
    await asyncio.gather(starred(), second())


truth.awaits("main", "starred", "gather")
truth.awaits("main", "second", "gather")
truth.stack("starred", "pause", "starred")
truth.stack("second", "pause", "second")
truth.run(main)
