"""An attack on the 8-bit grid in a suite: what it submits, and what its threat model says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmark.planning.plan import Selection
from benchmark.records.store import Store
from benchmark.run import RunRequest, execute, prepare
from benchmark.steps.attack import AttackStep
from leaderboard.publish import publish

GRID = """
[robustness.attack.grid]
method = "pgd"
steps = 3
epsilon = 0.03
on_grid = true
"""


def test_what_a_suite_keeps_on_the_grid_is_submitted_there(suite_file: Callable[..., Path], tmp_path: Path) -> None:
    selection = Selection(defenses=("none",), attacks=("pgd", "grid"))
    prepared = prepare(RunRequest(str(suite_file(GRID)), out=tmp_path / "run", selection=selection))
    cells = {cell.attack: cell for cell in prepared.plan.cells if isinstance(cell.step, AttackStep)}
    assert cells["grid"].threat is not None
    assert "L∞ ε = 0.03 on [0, 1] pixels on the 8-bit grid at 28×28" in cells["grid"].threat.sentence()
    execute(prepared, publish)
    store = Store(tmp_path / "run")
    moved = {}
    for name, cell in cells.items():
        assert cell.step is not None
        levels = store.tensors(cell.step.key)["adversarial"] * 255
        moved[name] = float((levels - levels.round()).abs().max())
    assert moved["grid"] < 1e-3 < moved["pgd"]
