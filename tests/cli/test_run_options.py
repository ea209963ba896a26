"""Options of `run` that make no sense, and the exit statuses of runs that end with errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.core.exit_status import ExitStatus
from leaderboard.board import read_board
from leaderboard.robustness.section import Robustness
from tests.run.tiny import TINY


@pytest.fixture
def tiny(tmp_path):
    """The tiny suite in a file, with replacements."""

    def write(**replaced):
        text = TINY
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "tiny.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


NONSENSE = [
    *(
        ("--device", name)
        for name in ("hpu", "meta", "cuda:99", "xpu", "cpu:7", "", "vulkan", "cuda:-1", "CPU", "mps:7")
    ),
    *(("--batch-size", size) for size in ("0", "-1", "1.5", "", "x", "²", "٣", "1e3", "9" * 5000, "10000000")),
    *(("--seed", seed) for seed in (str(2**63), str(2**64), "-1", "1.5", "", "9" * 5000)),
    *(("--limit", limit) for limit in ("0", "-1", str(10**30), "x")),
    *(("--out", out) for out in ("", "  ", "a\0b")),
    *(("--profile", profile) for profile in ("", "fast", "Quick")),
    *((option, glob) for option in ("--defense", "--attack", "--detector") for glob in ("nope", "", "[", "None")),
    *(("--data", name) for name in ("", "nope", "../x")),
]


@pytest.mark.parametrize(("option", "value"), NONSENSE)
def test_nonsense_is_refused_without_a_trace(option, value, medrobust, tiny, tmp_path, monkeypatch):
    suite = tiny()
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    answer = medrobust("run", "--suite", suite, "--out", tmp_path / "run", option, value)
    assert answer.status == ExitStatus.REFUSED
    assert option in answer.err
    assert "Traceback" not in answer.err
    assert sorted(tmp_path.rglob("*")) == before


def test_the_largest_seed_plans(medrobust, tiny, tmp_path):
    suite = tiny(**{"[robustness.attack.fgsm]": "[robustness.attack.transfer]"})
    answer = medrobust("run", "--suite", suite, "--dry-run", "--seed", 2**63 - 1)
    assert answer.status == ExitStatus.DONE, answer.err
    assert "about" in answer.out
    assert "-0.0" not in answer.out


@pytest.mark.parametrize("images", [1, 12])
def test_a_detection_that_is_an_error_is_no_success(images, medrobust, tiny, tmp_path):
    suite = tiny(**{"[detection]": f"[detection]\nsamples = {images}", "probes = 4": "probes = 0"})
    arguments = ("run", "--suite", suite, "--out", tmp_path / "run", "--defense", "none", "--attack", "bim")
    for _ in range(2):
        answer = medrobust(*arguments)
        assert answer.status == ExitStatus.SOME_FAILED
        (line,) = {x for x in answer.err.splitlines() if x.startswith("error: detection of bim on none by kd")}
        assert "no image is left" in line
        assert (tmp_path / "run" / "leaderboard.md").is_file()


def test_a_row_that_attacked_no_image_is_a_failure(medrobust, tiny, tmp_path):
    suite = tiny(**{"probes = 4": "probes = 0"})
    arguments = ("--out", tmp_path / "run", "--defense", "none", "--attack", "fgsm")
    answer = medrobust("run", "--suite", suite, *arguments)
    assert answer.status == ExitStatus.DONE, answer.err
    board = read_board(tmp_path / "run")
    assert board.failures() == []
    (row,) = board.robustness
    unattacked = replace(row, attacks=tuple(replace(attack, success=None) for attack in row.attacks))
    (line,) = Robustness((unattacked,)).failures()
    assert line == "row none: no image was attacked, because the model gets none of the 40 right"


def test_every_status_is_in_the_table():
    table = Path(__file__).parents[2].joinpath("docs", "exit-statuses.md").read_text(encoding="utf-8")
    for status in ExitStatus:
        assert f"\n| {status.value} |" in table


def test_no_phantom_stands_in_for_the_data_of_a_users_own_suite(medrobust, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for data in ('name = "image-folder"\npath = "nowhere"', 'name = "kaggle-chest-xray"'):
        suite = tiny(**{'name = "chest-phantom"\nsize = 28\ncount = 400': data})
        answer = medrobust("run", "--suite", suite, "--data-root", tmp_path, "--dry-run")
        assert answer.status == ExitStatus.REFUSED
        assert "PHANTOM" not in answer.err
        assert "no such" in answer.err


@pytest.mark.parametrize(("asked", "status"), [("auto", ExitStatus.STAND_IN), ("chest-phantom", ExitStatus.DONE)])
def test_a_phantom_that_nobody_asked_for_has_a_status_of_its_own(asked, status, medrobust, tmp_path, monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    # Nobody listens there, so that nothing is downloaded.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    options = ("--defense", "none", "--attack", "fgsm", "--data-root", tmp_path, "--data", asked, "--dry-run")
    answer = medrobust("run", "--suite", "chest-xray", *options)
    assert answer.status == status
    assert "PHANTOM DATA" in answer.err
