"""Exit statuses, and what happens around a command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT

MODULE = [sys.executable, "-m", "benchmark"]


def test_help_names_every_command_of_the_contract(python):
    answer = python("-m", "benchmark", "--help", COLUMNS="100")
    assert answer.returncode == 0
    for command in ("run", "leaderboard", "list", "describe", "new", "data", "doctor"):
        assert f" {command} " in answer.stdout


def test_the_command_line_imports_no_torch(python):
    commands = [
        "benchmark.cli.app.app(['--help'], standalone_mode=False)",
        "benchmark.cli.app.app(['run', '--help'], standalone_mode=False)",
    ]
    program = "import sys, benchmark.__main__, benchmark.cli.app\n" + "\n".join(commands)
    program += "\nheavy = {'torch', 'numpy', 'pandas', 'sklearn'} & set(sys.modules)\n"
    program += "sys.exit(f'imported: {heavy}' if heavy else 0)"
    answer = python("-c", program)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lst"], "no command 'lst'\n  remedy: did you mean 'list'?"),
        (["describe", "jpg"], "did you mean 'jpeg'"),
        (["list", "attacks"], "unknown kind 'attacks'\n  remedy: did you mean 'attack'"),
        (["list", "--plugin", "absent.py"], "absent.py: no such plug-in file"),
        (["new", "defense", "Not A Name"], "'Not A Name' is not a name"),
    ],
)
def test_wrong_input_is_status_2_and_one_error(medrobust, arguments, said):
    answer = medrobust(*arguments)
    assert answer.status == 2
    assert answer.err.startswith("error: ")
    assert said in answer.err
    assert answer.out == ""


@pytest.mark.parametrize(
    "arguments", [["list", "--no-such-option"], ["describe"], ["new", "defense"], ["data", "burn"]]
)
def test_wrong_usage_is_status_2(medrobust, arguments):
    answer = medrobust(*arguments)
    assert answer.status == 2
    assert "Traceback" not in answer.err
    assert answer.err


def test_an_errors_text_cannot_steer_the_terminal(medrobust):
    answer = medrobust("describe", "\x1b[2Jgone\u202e")
    assert "\x1b" not in answer.err.replace("\\x1b", "")
    assert "\u202e" not in answer.err
    assert r"\x1b[2Jgone" in answer.err


def test_the_version_is_printed(medrobust):
    from benchmark import __version__

    assert medrobust("--version") == (0, f"medrobust {__version__}\n", "")


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("arguments", [["list", "--json"], ["--help"]])
def test_a_reader_that_has_seen_enough_is_no_error(arguments):
    running = subprocess.Popen(
        [*MODULE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True
    )
    running.stdout.close()
    assert running.stderr.read() == ""
    assert running.wait() == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_output_that_cannot_be_written_is_reported():
    with open("/dev/full", "w") as full:
        answer = subprocess.run(
            [*MODULE, "--version"], stdout=full, stderr=subprocess.PIPE, env=environment(), text=True, check=False
        )
    assert answer.returncode == 2
    assert answer.stderr == "error: standard output: No space left on device\n"


def test_output_that_knows_no_greek_is_no_error(python):
    answer = python("-m", "benchmark", "describe", "suite:chest-xray", PYTHONIOENCODING="latin-1")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "L? ? = " in answer.stdout


def test_interrupting_is_status_130_without_a_traceback(tmp_path):
    slow = tmp_path / "slow.py"
    slow.write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    running = subprocess.Popen(
        [*MODULE, "list", "--plugin", str(slow)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
        # A job started in the background of a shell hands on that interrupts are ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert running.stdout.readline() == "loading\n"
    time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=30)
    assert running.returncode == 130
    assert errors == "interrupted\n"
