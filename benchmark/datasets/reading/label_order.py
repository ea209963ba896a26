"""Which class has which label."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.core.errors import UserError, did_you_mean


def label_order(
    found: Sequence[str],
    classes: Sequence[str] | None,
    positive: str,
    *,
    key: str = "positive",
    called: str,
    where: str,
    remedy: str,
) -> tuple[list[str], list[str]]:
    """(class names in label order, notes on it).

    Args:
        found: The classes that there are, in the order that labels have by default.
        classes: Those that are wanted, in label order; None for all.
        positive: For two classes, the one that gets label 1; by default the last.
        key: The setting that `positive` comes from, for messages.
        called: What a class is called, in the singular.
        where: What they were found in, for messages.
        remedy: What to do where there are fewer than two.

    Raises:
        UserError: There are fewer than two, or a setting names one that there is not.
    """
    if len(found) < 2:
        raise UserError(f"has {len(found)} {called}s, and at least 2 are needed", where=where, remedy=remedy)
    named = [(name, "classes") for name in classes or ()] + ([(positive, key)] if positive else [])
    for name, setting in named:
        if name not in found:
            raise UserError(
                f"{setting} names {name!r}, which is not among the {called}s",
                where=where,
                remedy=did_you_mean(str(name), list(found)),
            )
    if classes:
        left = [name for name in found if name not in classes]
        return list(classes), [f"{called}s that are left out: {', '.join(left)}"] if left else []
    if len(found) > 2:
        return list(found), []
    last = positive or found[1]
    note = "" if positive else ", as the last in alphabetical order; set positive to change that"
    return [c for c in found if c != last] + [last], [f"label 1 (disease) is {last!r}{note}"]


def check_order(classes: Sequence[str] | None, positive: str) -> None:
    """Raise UserError where the two settings contradict themselves or each other."""
    if classes and len(set(classes)) < len(classes):
        raise UserError("classes names a class twice", remedy="name each once")
    if classes and positive and classes[-1] != positive:
        raise UserError(
            f"classes puts {classes[-1]!r} last, and {positive!r} is to be the positive class",
            remedy="leave one of the two settings out, or let the last of classes be the positive one",
        )
