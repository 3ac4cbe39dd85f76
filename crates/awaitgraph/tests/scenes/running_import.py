"""A task blocks while it imports a module: the importer's own frames are in its stack."""
import asyncio

import truth


async def main():
    truth.mark("main")
    import imported

    del imported


truth.state("main", "running")
truth.when(lambda: "main" in truth._marks)
truth.run(main)
