"""How much a run says, and what its log holds."""

from __future__ import annotations

import os
import re
import resource
import signal
from pathlib import Path

import pytest

from benchmark.cli.log_file import LogFile
from benchmark.core.errors import UserError
from benchmark.core.exit_status import ExitStatus
from benchmark.core.harmless import harmless
from tests.run.tiny import TINY

HOSTILE = "\x1b]0;owned\x07 \u202eback\r\nerror: forged"
SMALL = TINY[: TINY.index("[detection]")].replace("probes = 4", "probes = 0").replace("count = 400", "count = 120")
SMALL = SMALL.replace("[defense.jpeg]\n", "").replace("[robustness.attack.pgd]\nsteps = 3\n", "")
SMALL = SMALL.replace("[robustness.attack.square]\nqueries = 5\n", "").replace("samples = 40", "samples = 8")


def test_every_line_is_harmless_and_has_its_time(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text("kept\n", encoding="utf-8")
    log = LogFile(path)
    log.write(HOSTILE)
    log.write("a half of a pair: \ud800")
    log.close()
    first, *lines = path.read_bytes().decode("utf-8").splitlines()
    assert first == "kept"
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d ", line) for line in lines)
    assert lines[-1].endswith(r"a half of a pair: \ud800")
    assert harmless("\n".join(lines)) == "\n".join(lines)


@pytest.mark.parametrize("kind", ["folder", "pipe", "nowhere", "nul"])
def test_what_is_no_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = {"folder": tmp_path, "nowhere": tmp_path / "no" / "run.log", "nul": Path("a\0b")}.get(
        kind, tmp_path / "pipe"
    )
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(UserError) as refused:
        LogFile(path)
    assert refused.value.where == "--log-file"


def test_a_disk_that_takes_no_more_is_told_once_and_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = LogFile(tmp_path / "run.log")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        for number in range(20):
            log.write(f"line {number}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
        log.close()
    assert (tmp_path / "run.log").stat().st_size <= 100
    assert capsys.readouterr().err.count("takes no more lines") == 1


def test_a_quiet_run_says_its_results_and_its_log_says_all(medrobust, tmp_path):
    suite, log = tmp_path / "small.toml", tmp_path / "run.log"
    suite.write_text(SMALL, encoding="utf-8")
    options = ("run", "--suite", suite, "--out", tmp_path / "run", "--log-file", log)
    quiet = medrobust(*options, "--quiet")
    assert quiet.status == ExitStatus.DONE
    (only,) = quiet.err.splitlines()
    assert only.startswith("PHANTOM DATA")
    assert "Leaderboard: " in quiet.out
    text = log.read_text(encoding="utf-8")
    for said in (
        "A tiny grid, quick profile",
        "] train small-cnn: done",
        "] attack none × fgsm: done",
        "Leaderboard: ",
    ):
        assert said in text
    again = medrobust(*options, "--verbose")
    assert "A tiny grid, quick profile" in again.err
    assert log.read_text(encoding="utf-8").startswith(text)


def test_quiet_and_verbose_together_are_refused(medrobust, tmp_path):
    answer = medrobust("run", "--suite", "chest-xray", "--quiet", "--verbose", "--out", tmp_path / "run")
    assert answer.status == ExitStatus.REFUSED
    assert not (tmp_path / "run").exists()


def test_the_reason_of_a_refusal_is_in_the_log(medrobust, tmp_path):
    log = tmp_path / "run.log"
    assert medrobust("run", "--suite", "chest-xay", "--log-file", log).status == ExitStatus.REFUSED
    assert "error: " in log.read_text(encoding="utf-8")
    assert "chest-xay" in log.read_text(encoding="utf-8")
