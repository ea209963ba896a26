"""Whatever is typed, the command ends with a documented exit status, says why in words, and writes to --out alone."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import strategies as st

from benchmark.__main__ import main
from benchmark.core.exit_status import ExitStatus
from tests.fuzz.mutations import TEXTS
from tests.fuzz.trials import Fuzz
from tests.run.tiny import TINY

SLOWEST = 30
"""Seconds that a command without a run may take on a busy machine."""

ODD = st.sampled_from(
    [*TEXTS, "-1", "0", "1", "2", "nan", "9" * 99, "--", "-", "[", "?", "\n", "run", "cpu", "cuda:99"]
)
WORDS = st.one_of(ODD, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8))
OPTIONS = (
    *("--suite", "--profile", "--out", "--data", "--data-root", "--defense", "--attack", "--detector", "--plugin"),
    *("--limit", "--seed", "--device", "--batch-size", "--dry-run", "--force", "--run", "--json", "--help", "--nope"),
)
COMMANDS = ("run", "leaderboard show", "leaderboard markdown", "leaderboard attacks", "list", "describe", "data where")


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A command with options that may or may not be its own, in any order."""
    words = draw(st.sampled_from([*COMMANDS, *["run"] * 4])).split()
    for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3]))):
        words += draw(st.one_of(st.tuples(st.sampled_from(OPTIONS), WORDS), st.tuples(WORDS)))
    if words[0] == "run":
        # A run itself is the matter of other tests.
        words += ["--dry-run", *draw(st.sampled_from([[], *3 * [["--suite", "tiny.toml"]]]))]
    return words


def test_command_lines(
    fuzz: Fuzz,
    registry: None,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDROBUST_DATA", str(tmp_path_factory.mktemp("data")))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    seen = Counter[int]()
    documented = {ExitStatus.DONE, ExitStatus.SOME_FAILED, ExitStatus.REFUSED}

    def trial(words: list[str]) -> None:
        capsys.readouterr()
        began = time.monotonic()
        status = main(words)
        out, err = capsys.readouterr()
        assert status in documented, words
        assert "Traceback" not in err, words
        assert "\x1b" not in out + err, words
        assert (status == ExitStatus.DONE) or err, words
        assert time.monotonic() - began < SLOWEST, words
        left = set(os.listdir(tmp_path)) - {"tiny.toml"}
        for name in left:
            shutil.rmtree(tmp_path / name)
        assert not left, words
        seen[status] += 1

    done = fuzz(trial, command_lines(), trials=200)
    assert {ExitStatus.DONE, ExitStatus.REFUSED} <= set(seen)
    with capsys.disabled():
        print(f"\n{done} command lines: {dict(seen)}")
