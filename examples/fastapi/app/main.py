"""The application: uvicorn app.main:app"""

import os
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import sessionmaker

from . import issues
from .config import Settings, SettingsError, load_settings
from .database import create_engine, pool_levels, seed


def create_app(settings: Settings) -> FastAPI:
    app = FastAPI(title="FlowBoard", description="An example to aim a load test at.")
    app.state.settings = settings
    app.state.engine = create_engine(settings)
    app.state.sessions = sessionmaker(app.state.engine, class_=AsyncSession)
    # FastAPI's own lifespan parameter is newer than Debian 12's FastAPI.
    app.router.lifespan_context = lifespan
    app.add_exception_handler(PoolTimeoutError, pool_timeout)
    app.include_router(issues.router)
    app.add_api_route("/health", health)
    app.add_api_route("/health/pool", health_pool)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI):
    await seed(app.state.settings)
    yield
    await app.state.engine.dispose()


async def pool_timeout(request: Request, _: Exception) -> JSONResponse:
    """Answers 503, the runbook's status for an exhausted pool and for nothing else."""
    settings = request.app.state.settings
    return JSONResponse(
        status_code=503,
        content={
            "error": "PoolTimeoutError",
            "detail": f"no database connection became free within {settings.DB_POOL_TIMEOUT:g} s "
            f"(pool size {settings.DB_POOL_SIZE}, max overflow {settings.DB_MAX_OVERFLOW})",
            "pool": pool_levels(request.app.state.engine),
        },
    )


async def health() -> dict[str, str]:
    """Says that the process answers; it asks the database nothing."""
    return {"status": "ok"}


async def health_pool(request: Request) -> dict[str, int]:
    """Gives the levels of this worker's pool, and which worker that is."""
    return {**pool_levels(request.app.state.engine), "pid": os.getpid()}


def _app_from_environment() -> FastAPI:
    try:
        return create_app(load_settings())
    except SettingsError as error:  # one line says it all; a traceback would bury it
        raise SystemExit(f"flowboard: {error}") from None


app = _app_from_environment()
