"""An object that was registered as a task, and is of a class that we know nothing of."""
import asyncio

import truth


class Task:
    def done(self):
        return False

    def get_loop(self):
        return asyncio.get_running_loop()


async def main():
    truth.mark("main")
    main.kept = Task()
    asyncio._register_task(main.kept)
    await truth.forever()


truth.run(main)
