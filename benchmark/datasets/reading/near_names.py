"""What lies beside a path where nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path


def near(path: Path, names: Sequence[str]) -> str:
    """Which of the `names` beside `path` was meant, as the beginning of a remedy; empty where none is close."""
    close = get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f"did you mean {str(path.parent / close[0])!r}? else " if close else ""
