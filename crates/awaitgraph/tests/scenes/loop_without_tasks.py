"""A loop runs, and has no task."""
import asyncio

import truth

loop = asyncio.new_event_loop()
loop.call_soon(truth.here, loop)
truth.watch()
loop.run_forever()
