"""`list`."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from benchmark.core.discovery import PACKAGES
from benchmark.core.own_plugins import own_plugins
from benchmark.core.plugin import KINDS, registered
from tests.conftest import ROOT


def test_every_plugin_and_suite_has_a_line(medrobust):
    answer = medrobust("list")
    assert answer.status == 0
    pairs = {tuple(line.split()[:2]) for line in answer.out.splitlines()[1:]}
    assert pairs >= {(kind, found.name) for kind in KINDS for found in own_plugins(kind)}
    assert ("suite", "chest-xray") in pairs


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_of_the_projects_own_is_what_importing_them_registers(medrobust, kind):
    own = [c for c in registered(kind).values() if c.__module__.startswith(f"{PACKAGES[kind]}.")]
    assert [*own_plugins(kind)] == [(kind, c.name, c.summary()) for c in own]
    assert own


def test_listing_needs_no_torch(python):
    code = "import sys; from benchmark.__main__ import main; main(['list']); sys.exit('torch' in sys.modules)"
    answer = python("-c", code)
    assert answer.returncode == 0, answer.stderr
    assert " pgd " in answer.stdout


@pytest.mark.parametrize("kind", [*KINDS, "suite"])
def test_a_kind_can_be_chosen(medrobust, kind):
    kinds = {line.split()[0] for line in medrobust("list", kind).out.splitlines()[1:]}
    assert kinds == {kind}


def test_json_says_all_there_is_to_know(medrobust, plugin_file):
    answer = medrobust("list", "defense", "--json", "--plugin", plugin_file)
    (mine,) = [entry for entry in json.loads(answer.out, parse_constant=pytest.fail) if entry["name"] == "mine"]
    assert mine["kind"] == "defense"
    assert mine["origin"].startswith(f"{plugin_file}:")
    assert mine["traits"]["randomized"] is True
    assert mine["parameters"] == [
        {"name": "strength", "type": "float", "range": "", "required": False, "default": "inf"},
        {"name": "label", "type": "str", "range": "", "required": False, "default": "[b]"},
    ]
    assert answer.out.isascii()


def test_a_plugins_text_is_shown_as_it_is_and_steers_nothing(medrobust, plugin_file):
    (line,) = [x for x in medrobust("list", "--plugin", plugin_file).out.splitlines() if " mine " in x]
    assert r"[bold red]Loud[/bold red] and \x1b[31mred\x1b[0m, \u202eback\u202c to front." in line


def on_a_terminal(*arguments):
    """What a command writes to a terminal of its own."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TERM": "xterm", "COLUMNS": "200"}
    running = subprocess.Popen(
        [sys.executable, "-m", "benchmark", *map(str, arguments)], stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        written += part
    assert running.wait() == 0
    os.close(ours)
    return written.decode()


@pytest.mark.parametrize("arguments", [["list", "defense"], ["describe", "mine"]])
def test_markup_in_a_plugins_text_is_not_obeyed_on_a_terminal(plugin_file, arguments):
    shown = on_a_terminal(*arguments, "--plugin", plugin_file)
    assert "[bold red]Loud[/bold red]" in shown
    assert r"\x1b[31mred" in shown
    assert "\x1b[31mred" not in shown
    assert "\u202e" not in shown
