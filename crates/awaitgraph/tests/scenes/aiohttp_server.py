"""aiohttp's server with a request that is never answered, in a task of its own or in the connection's."""
import asyncio

import aiohttp
import aiohttp.web

import truth


async def silent(request):
    truth.mark("handler")
    for task in truth.tasks():
        if truth._coro(task).__qualname__ == "RequestHandler.start":
            truth.mark("connection", task)
    if truth._marks["connection"] is not truth._marks["handler"]:
        truth.awaits("connection", "handler", "await")
    await request.app["event"].wait()


async def main():
    truth.mark("main")
    application = aiohttp.web.Application()
    application["event"] = asyncio.Event()
    application.router.add_get("/", silent)
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = "http://127.0.0.1:%d/" % site._server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            await response.text()


truth.when(lambda: "handler" in truth._marks)
truth.run(main)
