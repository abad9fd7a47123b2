"""What every application here shares: its settings, and the report of its pool."""

import os

from fastapi import FastAPI
from fastapi.responses import JSONResponse

URL = os.environ["URL"]
NAME = os.environ.get("NAME", "")
SIZE = int(os.environ["SIZE"])
OVER = int(os.environ["OVER"])
TIMEOUT = float(os.environ["TIMEOUT"])


def new_app() -> FastAPI:
    app = FastAPI()

    @app.get("/broken")
    async def broken():
        return JSONResponse({"detail": "no database was asked"}, status_code=500)

    return app


def queue_pool(pool) -> dict[str, int]:
    return {
        "size": pool.size(), "checkedin": pool.checkedin(), "checkedout": pool.checkedout(),
        "overflow": pool.overflow(), "pid": os.getpid(),
    }


def refused(_request, error) -> JSONResponse:
    """The answer to a pool timeout: 503, or 500 as of an application that does not tell them apart."""
    return JSONResponse({"detail": type(error).__name__}, status_code=int(os.environ.get("TIMEOUT_STATUS", "503")))
