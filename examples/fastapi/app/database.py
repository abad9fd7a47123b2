"""The connection pool, and the rows that are there when the first request comes."""

from pathlib import Path

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .config import Settings

SEED = Path(__file__).parents[3] / "scripts" / "lib" / "seed.sql"


def create_engine(settings: Settings) -> AsyncEngine:
    """Creates the engine with the runbook's pool. Nothing is connected yet."""
    return create_async_engine(
        # The URL goes to asyncpg as it is: SQLAlchemy would take it apart and
        # hand on parameters, such as sslmode, that asyncpg knows in a URL only.
        "postgresql+asyncpg://",
        connect_args={
            "dsn": settings.DATABASE_URL,
            "server_settings": {"application_name": settings.DB_APPLICATION_NAME},
        },
        pool_size=settings.DB_POOL_SIZE,
        max_overflow=settings.DB_MAX_OVERFLOW,
        pool_timeout=settings.DB_POOL_TIMEOUT,
        pool_recycle=settings.DB_POOL_RECYCLE,
        pool_pre_ping=settings.DB_POOL_PRE_PING,
    )


def pool_levels(engine: AsyncEngine) -> dict[str, int]:
    """Returns the pool's current levels, SQLAlchemy's own values.

    overflow counts the open connections from -size upwards: it is negative
    while the pool has not grown to its size, and size + overflow are open.
    """
    pool = engine.sync_engine.pool
    return {
        "size": pool.size(),
        "checkedin": pool.checkedin(),
        "checkedout": pool.checkedout(),
        "overflow": pool.overflow(),
    }


async def seed(settings: Settings) -> None:
    """Creates the tables and their rows where they are missing.

    It has a connection of its own, under a name of its own, so that the pool
    starts empty and whoever counts the application's sessions sees requests only.
    """
    connection = await asyncpg.connect(
        settings.DATABASE_URL,
        server_settings={"application_name": f"{settings.DB_APPLICATION_NAME}-seed"},
    )
    try:
        # A server with it off would leave VACUUM nothing to mark: see seed.sql.
        await connection.execute("SET synchronous_commit = on")
        await connection.execute(SEED.read_text(encoding="utf-8"))
        await connection.execute("VACUUM (ANALYZE) projects, users, issues, comments")
    finally:
        await connection.close()
