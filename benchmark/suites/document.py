"""A suite file as plain values: what is no file, too large, too deep or not plain text is refused unread."""

from __future__ import annotations

import re
import stat
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmark.core.errors import UserError

LARGEST_FILE = 2**20
"""Bytes; the largest suite that ships has 7,000."""
DEEPEST = 8
"""Tables within tables; a suite has five."""
LONGEST_TEXT = 4096
"""Characters of a key or a text; as long as the longest path."""
_WHOLE_NUMBERS = range(-(2**63), 2**63)
_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""")
_UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def read_document(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        UserError: It is no regular file, too large, not UTF-8, not TOML, too deep, or holds what no suite does: dates,
            whole numbers beyond 64 bits, very long texts, or characters that cannot be seen.
    """
    text = _text(path)
    # Before it is parsed, which takes a time that grows with the square of such a key.
    if _LONG_KEY.search(text):
        raise _too_deep(path.name)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"not TOML: {error}", where=path.name, remedy="correct the line it names") from error
    except RecursionError as error:
        raise _too_deep(path.name) from error
    except ValueError as error:
        # A number of thousands of digits, which Python will not read.
        raise UserError(f"not TOML: {error}", where=path.name, remedy="write shorter numbers") from error
    for key, value in _leaves(document, path.name):
        _check_value(value, f"{path.name}: {key}")
    return document


def unseen(text: str) -> str:
    """The first character of `text` that cannot be seen, spelled out; empty where all can."""
    return next((repr(c)[1:-1] for c in text if unicodedata.category(c) in _UNSEEN), "")


def _text(path: Path) -> str:
    # Looked at before it is opened: opening a pipe would wait for whoever writes to it.
    if not stat.S_ISREG(path.stat().st_mode):
        raise UserError("it is no regular file", where=str(path), remedy="give a .toml file")
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise UserError(
            f"it has more than {LARGEST_FILE:,} bytes, and no suite needs as many",
            where=path.name,
            remedy="give a .toml file that is a suite",
        )
    try:
        # Some editors write a byte order mark, which means nothing in UTF-8.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"not TOML: {error}", where=path.name, remedy="save it as UTF-8") from error


def _leaves(document: dict[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    """Every key and every value that is no table or array, with the path of keys to it.

    Not recursive, since a chain of dotted keys may be as deep as the file is long.
    """
    waiting: list[tuple[tuple[str, ...], Any]] = [((), document)]
    while waiting:
        keys, value = waiting.pop()
        if len(keys) > DEEPEST:
            raise _too_deep(f"{name}: {'.'.join(keys[:2])}"[:LONGEST_TEXT])
        if isinstance(value, dict):
            for key in value:
                yield ".".join((*keys, key[:64])), key
            waiting += [((*keys, key), below) for key, below in value.items()]
        elif isinstance(value, list):
            waiting += [((*keys, str(number)), below) for number, below in enumerate(value)]
        else:
            yield ".".join(keys), value


def _check_value(value: Any, where: str) -> None:
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise UserError(
                f"a text of {len(value):,} characters", where=where, remedy=f"give {LONGEST_TEXT:,} or fewer"
            )
        if unseen(value):
            raise UserError(
                f"the text holds the character {unseen(value)}, which cannot be seen", where=where, remedy="remove it"
            )
    elif isinstance(value, int):
        if value not in _WHOLE_NUMBERS:
            raise UserError("a whole number beyond 64 bits", where=where, remedy="give a smaller one")
    elif not isinstance(value, float):
        raise UserError(f"no setting of a suite is a date or a time (got {value})", where=where, remedy="remove it")


def _too_deep(where: str) -> UserError:
    return UserError(
        f"tables or arrays within more than {DEEPEST} others", where=where, remedy="a suite needs no such depth"
    )
