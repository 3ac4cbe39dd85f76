"""Uses connections as the driver of this name does: for a command, or for as long as it listens."""


class Redis:
    def __init__(self, pool):
        self.connection_pool = pool

    async def execute_command(self):
        conn = await self.connection_pool.get_connection()
        try:
            await (lambda: conn.answer())()
        finally:
            await self.connection_pool.release(conn)

    def pubsub(self):
        return PubSub(self.connection_pool)


class PubSub:
    def __init__(self, pool):
        self.connection_pool = pool
        self.connection = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *details):
        await self.connection_pool.release(self.connection)

    async def connect(self):
        self.connection = await self.connection_pool.get_connection()
