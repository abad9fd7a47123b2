"""An application on psycopg2 in threads; POOL=none opens a connection for every request."""

import os

from sqlalchemy import create_engine, exc, pool, text
from settings import NAME, OVER, SIZE, TIMEOUT, URL, new_app, queue_pool, refused

keeps = os.environ.get("POOL") != "none"
options = {"pool_size": SIZE, "max_overflow": OVER, "pool_timeout": TIMEOUT} if keeps else {"poolclass": pool.NullPool}
engine = create_engine(
    URL.replace("+asyncpg", "+psycopg2"), connect_args={"application_name": NAME} if NAME else {}, **options
)
app = new_app()
app.add_exception_handler(exc.TimeoutError, refused)


@app.get("/work")
def work(s: float):
    with engine.connect() as c:
        c.execute(text("SELECT name FROM items WHERE id = 1"))
        c.execute(text("SELECT pg_sleep(:s)"), {"s": s})


@app.get("/health/pool")
async def health():
    return queue_pool(engine.pool) if keeps else {}
