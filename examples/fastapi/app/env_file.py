"""Reads a .env file, so that the runbook's settings work as written there."""

import re
from pathlib import Path

# NAME=value, with or without "export", quotes and a comment behind it. As
# everywhere, a # begins a comment only after a space.
_LINE = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*
        (?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<plain>.*?))
        \s*(?:(?<!\S)\#.*)?""",
    re.VERBOSE,
)


def read_env_file(path: Path) -> dict[str, str]:
    """Returns the settings in the file, none where there is no such file.

    Lines that set nothing (blank ones, comments) are passed over; there is no
    substitution of ${NAME} and no value over several lines.
    """
    if not path.is_file():
        return {}
    settings = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := _LINE.fullmatch(line):
            settings[match["name"]] = match["double"] or match["single"] or match["plain"] or ""
    return settings
