"""What a shell is offered, through typer's own protocol, in a process of its own as a shell starts it."""

from __future__ import annotations

import pytest

from benchmark.core.plugin import KINDS

PROGRAM = """
import sys
from benchmark.__main__ import main
status = main()
heavy = {"torch", "numpy", "pandas", "sklearn"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else status)
"""


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("medrobust r", {"run"}),
        ("medrobust run --suite ", {"attacks", "chest-xray", "ebm"}),
        ("medrobust run --suite chest-xray --profile sta", {"standard"}),
        ("medrobust run --data pneu", {"pneumoniamnist"}),
        ("medrobust describe adversarial-", {"adversarial-training"}),
        ("medrobust list ", {*KINDS, "suite"}),
        # Where the shell completes a line that makes no sense, it gets no lecture on it.
        ("medrobust lst l", {"leaderboard", "list"}),
    ],
)
def test_names_are_completed_without_torch(line, offered, python):
    words = line.split(" ")
    answer = python("-c", PROGRAM, _MEDROBUST_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert "imported" not in answer.stderr
    assert "Traceback" not in answer.stderr
    assert set(answer.stdout.split()) == offered


def test_the_script_for_a_shell_completes_the_installed_command(python):
    # Where the shell is not known, typer takes its name.
    answer = python("-m", "benchmark", "--show-completion", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    script = answer.stdout or python("-m", "benchmark", "--show-completion", "bash",
        _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").stdout  # fmt: skip
    assert "_MEDROBUST_COMPLETE=complete_bash" in script
    assert script.rstrip().endswith("medrobust")
