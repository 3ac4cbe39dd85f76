"""Lends connections as the pool of this name does: who waits is given one by who brings one back."""
import asyncio
import collections
import contextlib


class AsyncConnection:
    """As the driver has it."""

    _pool = None


class WaitingClient:
    __slots__ = ("conn", "_cond")

    def __init__(self):
        self.conn = None
        self._cond = asyncio.Condition()

    async def wait(self, timeout):
        async with self._cond:
            if self.conn is None:
                await asyncio.wait_for(self._cond.wait(), timeout)
        return self.conn


class AsyncConnectionPool:
    def __init__(self, size, *, opened):
        self._max_size = self._nconns = size
        self._pool = collections.deque(AsyncConnection() for _ in range(opened))
        self._waiting = collections.deque()

    @contextlib.asynccontextmanager
    async def connection(self):
        conn = await self.getconn(900)
        try:
            yield conn
        finally:
            self.putconn(conn)

    async def getconn(self, timeout):
        if self._pool:
            conn = self._pool.popleft()
        else:
            waiting = WaitingClient()
            self._waiting.append(waiting)
            conn = await waiting.wait(timeout)
        conn._pool = self
        return conn

    def putconn(self, conn):
        conn._pool = None
        self._pool.append(conn)
