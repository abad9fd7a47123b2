"""An application on SQLAlchemy's asynchronous QueuePool, with every way to hold its connections."""

import asyncio
import os
import random

import anyio
from fastapi import Request
from fastapi.responses import StreamingResponse
from sqlalchemy import exc, text
from sqlalchemy.ext.asyncio import create_async_engine
from settings import NAME, OVER, SIZE, TIMEOUT, URL, new_app, queue_pool, refused

options = {"isolation_level": os.environ["ISO"]} if "ISO" in os.environ else {}
engine = create_async_engine(
    URL, pool_size=SIZE, max_overflow=OVER, pool_timeout=TIMEOUT, pool_pre_ping=os.environ.get("PRE_PING") != "0",
    connect_args={"server_settings": {"application_name": NAME}}, **options,
)
app = new_app()
app.add_exception_handler(exc.TimeoutError, refused)
READ = text("SELECT name FROM items WHERE id = 1")
forgotten = []


@app.get("/work")
async def work(s: float):
    """Holds the connection in a statement."""
    async with engine.connect() as c:
        await c.execute(READ)
        await c.execute(text("SELECT pg_sleep(:s)"), {"s": s})


@app.get("/rest")
async def rest(s: float):
    """Holds it while something else is done; in a transaction, unless in AUTOCOMMIT."""
    async with engine.connect() as c:
        await c.execute(READ)
        await asyncio.sleep(s)


@app.get("/committed")
async def committed(s: float):
    """Holds it after the transaction's end."""
    async with engine.connect() as c:
        await c.execute(READ)
        await c.commit()
        await asyncio.sleep(s)


@app.get("/quick")
async def quick():
    async with engine.connect() as c:
        await c.execute(READ)


@app.get("/second")
async def second():
    """Asks for a second connection while it holds one."""
    async with engine.connect() as outer:
        await outer.execute(READ)
        async with engine.connect() as inner:
            await inner.execute(READ)


@app.get("/stream")
async def stream(s: int):
    """Holds it for as long as the answer is read."""

    async def lines():
        async with engine.connect() as c:
            await c.execute(READ)
            for _ in range(2 * s):
                yield b"still there\n"
                await asyncio.sleep(0.5)

    return StreamingResponse(lines())


@app.get("/forget")
async def forget(one_in: int):
    """Does not give every connection back."""
    c = await engine.connect()
    await c.execute(READ)
    if random.randrange(one_in) == 0:
        forgotten.append(c)
    else:
        await c.close()


@app.get("/keep")
async def keep(n: int):
    for _ in range(n):
        c = await engine.connect()
        await c.execute(READ)
        forgotten.append(c)


@app.get("/row")
async def row():
    """All change the same row, and are slow to commit."""
    async with engine.begin() as c:
        await c.execute(text("UPDATE items SET name = name WHERE id = 1"))
        await asyncio.sleep(0.1)


@app.get("/deadline")
async def deadline(s: float, limit: float):
    """Gives up on its statement."""
    with anyio.move_on_after(limit):
        async with engine.connect() as c:
            await c.execute(text("SELECT pg_sleep(:s)"), {"s": s})


@app.get("/unfinished")
async def unfinished(request: Request, s: float):
    """Gives its connection back only to a client that waits: it has no finally block."""
    c = await engine.connect()
    await c.execute(READ)
    for _ in range(10):
        await asyncio.sleep(s / 10)
        if await request.is_disconnected():
            forgotten.append(c)
            return
    await c.close()


@app.get("/health/pool")
async def health():
    return queue_pool(engine.sync_engine.pool)
