"""Lends connections as the driver of this name does, by a pool that lets its clients wait."""
import asyncio


class AbstractConnection:
    pass


class Connection(AbstractConnection):
    def __init__(self, answer):
        self.answer = answer


class BlockingConnectionPool:
    def __init__(self, max_connections, answer):
        self.max_connections, self.answer = max_connections, answer
        self._available_connections, self._in_use_connections = [], set()
        self._condition = asyncio.Condition()

    def can_get_connection(self):
        return self._available_connections or len(self._in_use_connections) < self.max_connections

    async def get_connection(self):
        async with self._condition:
            await self._condition.wait_for(self.can_get_connection)
            connection = Connection(self.answer)
            self._in_use_connections.add(connection)
        return connection

    async def release(self, connection):
        async with self._condition:
            self._in_use_connections.remove(connection)
            self._condition.notify()
