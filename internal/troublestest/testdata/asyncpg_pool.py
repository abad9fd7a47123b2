"""An application on asyncpg's own pool, which keeps idle connections beyond its least."""

import asyncio
import os

import asyncpg
from settings import NAME, OVER, SIZE, TIMEOUT, URL, new_app, refused

app = new_app()
app.add_exception_handler(asyncio.TimeoutError, refused)


@app.on_event("startup")
async def open_pool():
    app.state.pool = await asyncpg.create_pool(
        URL.replace("+asyncpg", ""), min_size=SIZE, max_size=SIZE + OVER, server_settings={"application_name": NAME}
    )


@app.get("/rest")
async def rest(s: float):
    async with app.state.pool.acquire(timeout=TIMEOUT) as c:
        await c.fetchval("SELECT name FROM items WHERE id = 1")
        await asyncio.sleep(s)


@app.get("/health/pool")
async def health():
    open_, idle = app.state.pool.get_size(), app.state.pool.get_idle_size()
    return {"size": SIZE, "checkedin": idle, "checkedout": open_ - idle, "overflow": open_ - SIZE, "pid": os.getpid()}
