"""Lists in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str]) -> str:
    """Commas between them, "and" before the last."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def one_or_more(names: Sequence[str], one: str, more: str) -> str:
    """The names with the verb that fits their number."""
    return f"{listed(names)} {one if len(names) == 1 else more}"
