"""Saying what is broken: one sentence that begins with the plug-in's name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmark.core.errors import UserError
from benchmark.core.plugin import Plugin


class Claims:
    """What is claimed of one plug-in; a claim that does not hold raises AssertionError.

    Args:
        plugin: The plug-in that is checked.
    """

    def __init__(self, plugin: Plugin) -> None:
        self.subject = f"{plugin.kind} {plugin.name!r}"

    def holds(self, truth: bool, otherwise: str) -> None:
        """`truth`, or the sentence "<plug-in> `otherwise`". Not an `assert`, which `python -O` leaves out."""
        if not truth:
            raise AssertionError(f"{self.subject} {otherwise}")

    @contextmanager
    def works(self, task: str, *, may_refuse: bool = False) -> Iterator[None]:
        """The block raises nothing; what it raises is told as "<plug-in> fails to `task`: …".

        Args:
            task: What the block does, as an infinitive.
            may_refuse: Let a UserError through, which is how a plug-in says that it was not made for something.
        """
        try:
            yield
        except UserError as error:
            if may_refuse:
                raise
            raise AssertionError(f"{self.subject} refuses to {task}: {error}") from error
        except AssertionError as error:
            if str(error).startswith(self.subject):
                raise
            raise AssertionError(f"{self.subject} fails to {task}: {_told(error)}") from error
        except Exception as error:
            raise AssertionError(f"{self.subject} fails to {task}: {_told(error)}") from error


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
