"""Numbers as text, and text from elsewhere made safe for Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from textwrap import wrap

from tabulate import tabulate

from benchmark.core.harmless import line
from benchmark.evaluation.intervals import Estimate, Interval

_SPECIAL = re.compile(r"[\\`*<>|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|\](?=[(\[:])|!(?=\[)|&(?=#?\w+;)|^[#+>-]")

NO_BREAK = "\N{NO-BREAK SPACE}"
_NUMBER = r"-?\d+(?:\.\d+)?"
_TOGETHER = re.compile(rf"{_NUMBER}(?: %)? \[{_NUMBER}, {_NUMBER}\]|(?:L∞|L[012]) {_NUMBER}|{_NUMBER} %")
"""A number and its interval, a norm and its bound, per cent."""

_INTERVAL = re.compile(rf"\[{_NUMBER}, {_NUMBER}\]")


def escape(text: object) -> str:
    """Text from users or files as Markdown that shows it literally, on one line.

    Brackets and underscores are left alone where they have no meaning in Markdown, so that the source stays readable.
    A number stays on a line with its interval.
    """
    return unbroken(_SPECIAL.sub(r"\\\g<0>", " ".join(line(text).split())))


def unbroken(text: str) -> str:
    """The text with no-break spaces where a line must not end: between a number and its interval, and within both."""
    return _TOGETHER.sub(_bound, text)


def wrapped(text: str, width: int) -> str:
    """The text in lines of at most `width` characters, broken between words, and an interval only before it begins."""
    whole = _INTERVAL.sub(_bound, unbroken(text))
    if max(map(len, whole.split(" ")), default=0) > width:
        whole = _INTERVAL.sub(_bound, text)
    lines = wrap(whole, width, break_on_hyphens=False)
    return "\n".join(lines).replace(NO_BREAK, " ")


def _bound(found: re.Match[str]) -> str:
    return found[0].replace(" ", NO_BREAK)


def markdown_table(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table of text from users or files, shown literally."""
    safe = [[escape(cell) for cell in row] for row in cells]
    return str(tabulate(safe, [escape(header) for header in headers], tablefmt="pipe", disable_numparse=True))


def percent(value: float | None, *, digits: int = 1) -> str:
    """0.123 → "12.3"; a dash for None."""
    return "–" if value is None else f"{100 * value:.{digits}f}"


def number(value: float | None) -> str:
    """Four digits of any number; a dash for what is none."""
    return f"{value:.4g}" if isinstance(value, (int, float)) and math.isfinite(value) else "–"


def with_interval(estimate: Estimate | None) -> str:
    """A share and its interval in per cent."""
    return "–" if estimate is None else f"{percent(estimate.value)} {interval(estimate.interval)}"


def interval(bounds: Interval | None) -> str:
    """[low, high] in per cent."""
    return "" if bounds is None else f"[{percent(bounds.low)}, {percent(bounds.high)}]"


def passes(forwards: float | None, backwards: float | None) -> str:
    """Passes per image: forward + backward."""
    return "–" if forwards is None or backwards is None else f"{forwards:.0f} + {backwards:.0f}"
