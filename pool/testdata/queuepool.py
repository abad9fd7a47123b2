"""Does with SQLAlchemy what replay_test.go tells it, a JSON object a line, and answers a line each."""
import asyncio
import json
import sys

import sqlalchemy
from sqlalchemy import exc, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.util.concurrency import greenlet_spawn


class Blocking:
    """psycopg2, which blocks: every call runs in a thread."""

    def __init__(self, url, **options):
        self.engine = sqlalchemy.create_engine(url, future=True, **options)

    async def connect(self):
        return await asyncio.to_thread(self.engine.connect)

    async def execute(self, conn, sql):
        await asyncio.to_thread(conn.execute, text(sql))

    async def commit(self, conn):
        await asyncio.to_thread(conn.commit)

    async def rollback(self, conn):
        await asyncio.to_thread(conn.rollback)

    async def close(self, conn):
        await asyncio.to_thread(conn.close)

    async def dispose(self):
        await asyncio.to_thread(self.engine.dispose)

    async def empty(self, pool):
        await asyncio.to_thread(pool.dispose)

    def pid(self, conn):
        return conn.connection.connection.info.backend_pid

    def pool(self):
        return self.engine.pool


class Async:
    """asyncpg."""

    def __init__(self, url, **options):
        self.engine = create_async_engine(url, **options)

    async def connect(self):
        return await self.engine.connect()

    async def execute(self, conn, sql):
        await conn.execute(text(sql))

    async def commit(self, conn):
        await conn.commit()

    async def rollback(self, conn):
        await conn.rollback()

    async def close(self, conn):
        await conn.close()

    async def dispose(self):
        await self.engine.dispose()

    async def empty(self, pool):
        await greenlet_spawn(pool.dispose)

    def pid(self, conn):
        return conn.sync_connection.connection.connection._connection.get_server_pid()

    def pool(self):
        return self.engine.pool


class Replay:
    def __init__(self, driver):
        self.driver, self.conns, self.waiting, self.disposed = driver, {}, {}, []

    async def take(self, name):
        try:
            conn = await self.driver.connect()
        except exc.TimeoutError:
            return {"error": "timeout"}
        self.conns[name] = conn
        return {"pid": self.driver.pid(conn)}

    async def do(self, op, name, sql):
        if op == "start":  # what the first connection of an engine asks is no part of the pool
            await self.driver.close(await self.driver.connect())
            await self.driver.dispose()
            return {"version": sqlalchemy.__version__}
        if op == "dispose":
            self.disposed.append(self.driver.pool())
            await self.driver.dispose()
            return {}
        if op == "checkout":
            return await self.take(name)
        if op == "wait":
            self.waiting[name] = asyncio.create_task(self.take(name))
            await asyncio.sleep(0.05)  # nothing says that somebody is waiting
            return {}
        if op == "await":
            return await self.waiting.pop(name)
        if name not in self.conns:
            return {}  # it was lost
        if op == "query" or op == "write":
            try:
                await self.driver.execute(self.conns[name], sql)
                if op == "write":
                    await self.driver.commit(self.conns[name])
            except exc.DBAPIError as e:
                if e.connection_invalidated:
                    await self.driver.close(self.conns.pop(name))  # SQLAlchemy has freed its place already
                    return {"error": "lost"}
                await self.driver.rollback(self.conns[name])
                return {"error": "failed"}
            return {}
        if op == "return":
            try:
                await self.driver.close(self.conns.pop(name))
            except exc.DBAPIError:
                pass  # it was lost, and is back all the same
            for pool in self.disposed:  # what went back to one is left to the garbage collector, for which this stands
                await self.driver.empty(pool)
            return {}
        raise ValueError(op)


async def main():
    kind, url, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    replay = Replay({"psycopg2": Blocking, "asyncpg": Async}[kind](url, **options))
    while line := await asyncio.to_thread(sys.stdin.readline):
        step = json.loads(line)
        answer = await replay.do(step["op"], step.get("name"), step.get("sql"))
        answer["checkedout"] = replay.driver.pool().checkedout()
        print(json.dumps(answer), flush=True)


asyncio.run(main())
