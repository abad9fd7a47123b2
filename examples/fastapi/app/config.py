"""The application's settings: the runbook's five, and what a load test needs."""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from .env_file import read_env_file

# The longest hold, in seconds, that a setting or a request may ask for.
MAX_HOLD = 60

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


class SettingsError(ValueError):
    """A setting is missing or impossible; the text names it and says what is accepted."""


@dataclass(frozen=True)
class Settings:
    """The settings under the names they have in the environment."""

    DATABASE_URL: str = field(repr=False)  # holds a password
    DB_POOL_SIZE: int  # connections kept
    DB_MAX_OVERFLOW: int  # connections beyond them under load
    DB_POOL_TIMEOUT: float  # longest wait for a connection, seconds
    DB_POOL_RECYCLE: int  # age at which a connection is replaced, seconds
    DB_POOL_PRE_PING: bool  # test a connection before use
    DB_APPLICATION_NAME: str  # as pg_stat_activity shows it
    HOLD: float  # how long a request holds its connection, seconds


def load_settings() -> Settings:
    """Reads the process environment and, behind it, .env in the working directory.

    An empty variable counts as not set. Raises SettingsError.
    """
    environment = {name: value for name, value in os.environ.items() if value}
    return parse_settings({**read_env_file(Path(".env")), **environment})


def parse_settings(environment: Mapping[str, str]) -> Settings:
    """Checks every setting and fills in the runbook's defaults. Raises SettingsError."""
    return Settings(
        DATABASE_URL=_database_url(environment),
        DB_POOL_SIZE=_integer(environment, "DB_POOL_SIZE", default=20, least=1),
        DB_MAX_OVERFLOW=_integer(environment, "DB_MAX_OVERFLOW", default=40, least=0),
        DB_POOL_TIMEOUT=_seconds(environment, "DB_POOL_TIMEOUT", default=30),
        DB_POOL_RECYCLE=_integer(environment, "DB_POOL_RECYCLE", default=3600, least=-1),
        DB_POOL_PRE_PING=_boolean(environment, "DB_POOL_PRE_PING", default=True),
        DB_APPLICATION_NAME=environment.get("DB_APPLICATION_NAME") or "flowboard",
        HOLD=_seconds(environment, "HOLD", default=0, most=MAX_HOLD),
    )


def _database_url(environment: Mapping[str, str]) -> str:
    """Returns the URL as asyncpg takes it: without SQLAlchemy's driver suffix."""
    url = environment.get("DATABASE_URL")
    accepted = "postgres://, postgresql:// or postgresql+asyncpg://"
    if not url:
        raise SettingsError(f"DATABASE_URL is not set; set it to a {accepted} URL")
    scheme = re.match(r"(postgres|postgresql|postgresql\+asyncpg)://", url)
    if not scheme:  # the value stays out of the message: it may hold a password
        raise SettingsError(f"DATABASE_URL does not begin with {accepted}")
    url = "postgresql://" + url[scheme.end() :]
    try:
        urlsplit(url).port  # noqa: B018 (reading it is the check)
    except ValueError:
        raise SettingsError(
            "DATABASE_URL is not a URL; write special characters of its password as %40, %2F and so on"
        ) from None
    return url


def _integer(environment: Mapping[str, str], name: str, *, default: int, least: int) -> int:
    text = environment.get(name) or str(default)
    if not re.fullmatch(r"-?[0-9]+", text) or int(text) < least:
        raise SettingsError(f"{name}={text!r} is not accepted; use an integer of at least {least}")
    return int(text)


def _seconds(
    environment: Mapping[str, str], name: str, *, default: float, most: float = math.inf
) -> float:
    text = environment.get(name) or str(default)
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or float(text) > most:
        limit = "" if most == math.inf else f", at most {most:g}"
        raise SettingsError(f"{name}={text!r} is not accepted; use a number of seconds{limit}")
    return float(text)


def _boolean(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = (environment.get(name) or str(default)).lower()
    if text not in _TRUE | _FALSE:
        raise SettingsError(f"{name}={text!r} is not accepted; use true or false")
    return text in _TRUE
