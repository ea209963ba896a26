"""Numbers as text, and text from elsewhere made safe for Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from tabulate import tabulate

from benchmark.core.harmless import line
from benchmark.evaluation.intervals import Estimate, Interval

_SPECIAL = re.compile(r"[\\`*<>|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|\](?=[(\[:])|!(?=\[)|&(?=#?\w+;)|^[#+>-]")


def escape(text: object) -> str:
    """Text from users or files as Markdown that shows it literally, on one line.

    Brackets and underscores are left alone where they have no meaning in Markdown, so that the source stays readable.
    """
    return _SPECIAL.sub(r"\\\g<0>", " ".join(line(text).split()))


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
