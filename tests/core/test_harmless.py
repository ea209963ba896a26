"""Text from elsewhere: what it may not do where it is shown, and that nothing is shown around the one place for it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmark.core.errors import UserError
from benchmark.core.harmless import harmless, in_csv, in_json, line
from benchmark.core.progress import LiveProgress, PlainProgress
from leaderboard.text import escape
from tests.conftest import ROOT

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b2J\x85\x7f\r\u202eback\u2066\u2028line\u200d\U000e0001\ud800\x00\nerror: forged"
STEERING = {chr(code) for code in (*range(10), *range(11, 32), *range(127, 160))} | set(
    "\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\U000e0001\ud800\udcff"
)
"""The controls of ASCII and Latin-1 but the line break, and what orders text anew, hides in it or is no character."""


@given(st.text(alphabet=st.characters()) | st.just(HOSTILE))
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    shown = harmless(text)
    assert not STEERING & set(shown)
    shown.encode("utf-8")
    assert harmless(shown) == shown
    assert len(line(text).splitlines()) <= 1
    assert len(escape(text).splitlines()) <= 1


@given(st.text())
def test_a_json_document_says_the_same_without_what_a_terminal_obeys(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    document = in_json(json.dumps({text: [text]}, ensure_ascii=False, indent=1))
    assert harmless(document) == document
    assert json.loads(document) == {text: [text]}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1", "  =1", "\n=1", "＝1+1"])
def test_a_cell_of_text_is_no_formula(text: str) -> None:
    assert in_csv(text)[0] == "'" or not in_csv(text).lstrip().startswith(("=", "+", "-", "@", "＝"))


def test_ordinary_cells_are_left_alone() -> None:
    for text in ("pgd", "L∞ 8/255", "bim+hfc", "a = b"):
        assert in_csv(text) == text


def test_entities_of_html_stay_as_written() -> None:
    assert escape("&#x202e;a &lt;b&gt; AT&T & co") == r"\&#x202e;a \&lt;b\&gt; AT&T & co"


def test_an_error_is_two_lines_whatever_it_quotes() -> None:
    text = str(UserError(HOSTILE, where=HOSTILE, remedy=HOSTILE))
    assert len(text.splitlines()) == 2
    assert harmless(text) == text


@pytest.mark.parametrize("live", [False, True])
def test_progress_shows_no_label_raw(live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    if live:
        monkeypatch.setattr("rich.console.Console", lambda stderr: Console(file=stream, force_terminal=True))
    progress = LiveProgress(1) if live else PlainProgress(1, stream, every=0)
    progress.begin(HOSTILE, 10)
    progress.fraction(0.5, HOSTILE)
    progress.end(f"FAILED ({HOSTILE})")
    progress.close()
    shown = stream.getvalue()
    assert r"\x1b]0;owned" in shown
    assert "\x1b]0;" not in shown
    assert not {"\u202e", "\x9b", "\x07", "\u2028"} & set(shown)
    assert "\nerror: forged" not in shown


def test_warnings_and_uncaught_errors_are_harmless_too(tmp_path: Path) -> None:
    plugin = tmp_path / "loud.py"
    plugin.write_text(
        "import sys, warnings\n"
        f"warnings.warn({HOSTILE!r})\n"
        f"def late(): raise RuntimeError({HOSTILE!r})\n"
        "import benchmark.cli.entry\n"
        "benchmark.cli.entry.plain = lambda value: late()\n"
        "from defenses.none import NoDefense\n"
        "class Loud(NoDefense):\n    name = 'loud'\n"
    )
    answer = subprocess.run(
        [sys.executable, "-m", "benchmark", "list", "defense", "--json", "--plugin", str(plugin)],
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    shown = answer.stderr.decode()
    assert shown.count(r"\x1b]0;owned") >= 2
    assert harmless(shown) == shown


SPEAKS = {
    "benchmark/core/harmless.py": "tells a line on standard error",
    "benchmark/core/progress.py": "its own lines, through `line` and `on_screen`",
    "benchmark/cli/console.py": "everything that commands print",
    "benchmark/__main__.py": "errors",
    "leaderboard/pages/terminal.py": "the board, through `line` and `on_screen`",
}
"""The only files that may write to a terminal; `test_*` above and tests/run/test_hostile_text.py look at each."""

_SPEAKING = {
    *("print", "rich.print", "console.print", "Console().print", "self._live.console.print"),
    *("typer.echo", "typer.secho", "click.echo", "click.secho"),
    *("sys.stdout.write", "sys.stderr.write", "warnings.showwarning", "traceback.print_exc"),
}
_LOGGING = tuple(
    f"{way}.{level}"
    for way in ("logging", "logger")
    for level in ("debug", "info", "warn", "error", "exc", "crit", "log")
)


def speaking(source: str) -> set[str]:
    """What in a module writes to a terminal."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _SPEAKING:
            found.add(ast.unparse(node.func))
        if isinstance(node, ast.ImportFrom) and node.module == "rich.text":
            found.add("rich.text.Text")
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(_LOGGING):
            found.add("logging")
    return found


@pytest.mark.parametrize("package", ["benchmark", "leaderboard", "attacks", "defenses", "detectors"])
def test_nothing_writes_to_the_terminal_but_the_files_that_make_it_harmless(package: str) -> None:
    files = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / package).rglob("*.py")}
    around = {name: found for name, path in files.items() if (found := speaking(path.read_text("utf-8")))}
    assert set(around) <= set(SPEAKS), around


def test_every_text_file_of_a_run_is_written_through_it() -> None:
    """Markdown, CSV and JSON each have one way out; `write_atomically` writes pictures and arrays beside them."""
    ways = {"to_markdown", "to_csv", "flat_table", "in_json", "to_json", "sealed", "sample_bytes", "to_bibtex"}
    for package in ("benchmark", "leaderboard"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "write_atomically":
                    written = ast.unparse(node.args[1])
                    assert written in ("figure", "arrays") or any(f"{way}(" in written for way in ways), (
                        path,
                        ast.unparse(node),
                    )
