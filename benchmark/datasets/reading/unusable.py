"""Many files that cannot be used, as one error."""

from __future__ import annotations

import os
from collections.abc import Sequence

from benchmark.core.errors import UserError

_NAMED = 20


class UnusableError(UserError):
    """Files that cannot be used.

    Attributes:
        problems: What is wrong with each of them.
    """

    def __init__(self, problem: str, *, where: str, remedy: str, problems: Sequence[UserError]) -> None:
        super().__init__(problem, where=where, remedy=remedy)
        self.problems = tuple(problems)


def unusable(problems: Sequence[UserError], *, of: int) -> UnusableError:
    """One error that names the files: all of them, or how many more there are.

    Args:
        problems: At least one, each of a file (its `where`).
        of: How many files there are.
    """
    if len(problems) == 1:
        only = problems[0]
        return UnusableError(only.problem, where=only.where, remedy=only.remedy, problems=problems)
    folder = os.path.commonpath([os.path.dirname(error.where) for error in problems])
    by_problem: dict[str, list[str]] = {}
    for error in problems[:_NAMED]:
        by_problem.setdefault(error.problem, []).append(os.path.relpath(error.where, folder))
    named = "; ".join(f"{', '.join(names)} {problem}" for problem, names in by_problem.items())
    more = f"; and {len(problems) - _NAMED:,} more" if len(problems) > _NAMED else ""
    remedies = {error.remedy for error in problems}
    return UnusableError(
        f"{len({error.where for error in problems}):,} of {of:,} images cannot be used: {named}{more}",
        where=folder,
        remedy=remedies.pop() if len(remedies) == 1 else "replace the files, or remove them",
        problems=problems,
    )
