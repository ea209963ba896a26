"""Text from elsewhere, made so that it steers no terminal, forges no line of a log, and is no markup of a table.

Every text of a user, a plug-in, a data set, an archive, a run folder or an exception goes through here on its way out.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that move the cursor, colour the screen, reorder the text around them, or are no characters."""

_BREAK = re.compile(r"\s*\n\s*")
_FORMULA = tuple("=+-@＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula; some take the wide characters for the others."""


def harmless(text: object) -> str:
    """`text` with control characters and halves of surrogate pairs spelled out; it may have several lines."""
    written = str(text).replace("\r\n", "\n")
    return written if written.isascii() and written.isprintable() else "".join(map(_seen, written))


def line(text: object) -> str:
    """`text` on one line, harmless."""
    return _BREAK.sub(" ", harmless(text))


def in_csv(text: str) -> str:
    """`text` as a cell that a spreadsheet shows rather than computes: with a quote before it where it must."""
    cell = line(text)
    return f"'{cell}" if cell.lstrip().startswith(_FORMULA) else cell


def in_json(document: str) -> str:
    """The same JSON document, with every character that `harmless` spells out as an escape of JSON."""
    return "".join(map(_escaped, document))


def on_screen(text: object, style: str = "") -> Text:
    """One line for rich, which would take brackets in a plain `str` for markup."""
    from rich.text import Text

    return Text(line(text), style=style)


def tell(text: object) -> None:
    """One line on standard error."""
    with suppress(BrokenPipeError):
        sys.stderr.write(f"{line(text)}\n")
        sys.stderr.flush()


def _is_seen(character: str) -> bool:
    return character == "\n" or unicodedata.category(character) not in _UNSEEN


@cache
def _seen(character: str) -> str:
    if _is_seen(character):
        return character
    return " " if character == "\t" else character.encode("unicode_escape").decode()


@cache
def _escaped(character: str) -> str:
    if _is_seen(character):
        return character
    # Half a pair is no character of UTF-8; a reader of JSON would refuse its escape as well.
    if unicodedata.category(character) == "Cs":
        return "?"
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
