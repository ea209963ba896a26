"""The one error a user may see: what is wrong, where, and what to do about it."""

from __future__ import annotations

from benchmark.core.harmless import line


class UserError(Exception):
    """Wrong input. The command line prints it without a traceback and exits with status 2.

    Args:
        problem: What is wrong, in one sentence.
        where: The file, key, plug-in or folder at fault.
        remedy: What the user can do.
    """

    def __init__(self, problem: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        prefix = f"{line(self.where)}: " if self.where else ""
        suffix = f"\n  remedy: {line(self.remedy)}" if self.remedy else ""
        return f"{prefix}{line(self.problem)}{suffix}"


LONGEST = 2000
"""Characters of an exception's text that are kept."""


def in_words(error: BaseException) -> str:
    """An exception as text that any file can hold, also one whose own text cannot be had, is empty, or never ends."""
    kind = _kind(error)
    try:
        text = f"{error}" if isinstance(error, UserError) else f"{kind}: {error}"
    except BaseException as failure:
        text = f"{kind}, whose text cannot be had ({_kind(failure)})"
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} … ({len(text):,} characters)"
    return text.encode("utf-8", "replace").decode() if text.strip() else kind


def _kind(error: BaseException) -> str:
    # Not `error.__class__` nor the class's own attribute, either of which a plug-in may have made into code.
    return str(type.__getattribute__(type(error), "__name__"))


MOST_NAMES = 60
"""Names of what is known that a remedy lists."""


def did_you_mean(name: str, known: list[str]) -> str:
    """A remedy for an unknown `name`: the closest `known` names, or all of them."""
    from difflib import get_close_matches

    # A part of the right name is as good a hint as a misspelling of it.
    parts = [k for k in sorted(set(known)) if len(name) > 1 and (name in k or k in name)][:3]
    close = get_close_matches(name, list(dict.fromkeys(known)), n=3, cutoff=0.5) or parts
    if close:
        return "did you mean " + " or ".join(repr(c) for c in close) + "?"
    names = sorted(set(known))
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return "known: " + (", ".join(names[:MOST_NAMES]) or "none") + more
