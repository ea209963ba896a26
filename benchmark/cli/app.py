"""The commands by name. A command's module is imported when the command is used, or shown in the help text."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from benchmark import __version__
from benchmark.core.errors import UserError, did_you_mean

COMMANDS = {
    "run": "benchmark.cli.run:run",
    "leaderboard": "benchmark.cli.leaderboard:app",
    "list": "benchmark.cli.list:list_plugins",
    "describe": "benchmark.cli.describe:describe",
    "new": "benchmark.cli.new:new",
    "data": "benchmark.cli.data:app",
    "doctor": "benchmark.cli.doctor:doctor",
}
"""Each command's module and, in it, the function or the typer app."""


@contextmanager
def _harmless_refusals() -> Iterator[None]:
    """What the parser says of wrong arguments quotes them as they are."""
    from benchmark.core.harmless import line

    try:
        yield
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "message"):
            error.message = line(error.message)
        raise


class _Commands(TyperGroup):
    def make_context(self, *arguments: Any, **named: Any) -> Any:
        with _harmless_refusals():
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: Any) -> Any:
        with _harmless_refusals():
            return super().invoke(ctx)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            if ctx.resilient_parsing:
                # A shell that completes a line wants no lecture on it.
                return None
            raise UserError(f"no command {cmd_name!r}", remedy=did_you_mean(cmd_name, list(COMMANDS)))
        module, attribute = COMMANDS[cmd_name].split(":")
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            found, function = typer.Typer(add_completion=False), found
            found.command(cmd_name)(function)
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command


app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(asked: bool) -> None:
    if asked:
        from benchmark.cli.console import say

        say(f"medrobust {__version__}")
        raise typer.Exit


@app.callback()
def medrobust(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version, and stop.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """How much of a defense, or of a detector, survives an attacker who knows about it?"""
