"""docs/evaluate.md does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import ROOT


def test_its_code_runs_in_the_order_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "evaluate.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    found: dict[str, Any] = {}
    with torch.random.fork_rng(devices=[]):
        for block in blocks:
            exec(block, found)
    report, adversarial = found["report"], found["adversarial"]
    assert report.worst_case.value < report.clean_accuracy.value == 1
    assert (tmp_path / "my-run" / "leaderboard.md").is_file()
    with torch.no_grad():
        left = (found["model"](adversarial).argmax(1) == found["labels"]).float().mean()
    # The same 20 steps and more, on the same model: within what a random start changes.
    assert float((adversarial - found["images"]).abs().max()) <= 1.001 / 255
    assert abs(float(left) - report.table.set_index("attack")["robust"]["pgd"]) < 0.1
