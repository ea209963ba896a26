"""Calling the command line, within this process and in one of its own."""

from __future__ import annotations

from textwrap import dedent
from typing import NamedTuple

import pytest

from benchmark.__main__ import main


class Answer(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def medrobust(capsys, registry):
    """Call a command and give its exit status and what it printed."""

    def call(*arguments):
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return Answer(status, *capsys.readouterr())

    return call


@pytest.fixture
def plugin_file(tmp_path):
    """A defense in a file, whose texts try to steer the terminal."""
    file = tmp_path / "mine.py"
    file.write_text(
        dedent(
            r'''
            from defenses.base import DefendedModel, Defense

            class Mine(Defense):
                """[bold red]Loud[/bold red] and \x1b[31mred\x1b[0m, \u202eback\u202c to front.

                Args:
                    strength: How much.
                """

                name = "mine"
                source = "[link=http://example.org]nowhere[/link]"
                randomized = True

                def __init__(self, *, strength: float = float("inf"), label: str = "[b]"):
                    self.strength, self.label = strength, label

                def defend(self, classifier):
                    return DefendedModel(classifier)
            '''
        )
    )
    return file
