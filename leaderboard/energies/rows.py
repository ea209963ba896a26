"""Energies from the records of the steps that fitted them."""

from __future__ import annotations

from typing import Any

from benchmark.records.run_record import CellRecord
from leaderboard.energies.schema import Energy, EnergyLine
from leaderboard.reading import alone
from leaderboard.results import Results


def energies(results: Results) -> tuple[EnergyLine, ...]:
    """A line for every defense of the robustness table that learned an energy, in the suite's order."""
    cells = [c for c in results.run.of("robustness") if c.attack == "clean" and c.status == "done"]
    lines = (alone(lambda c=cell: _line(c, results), lambda _: None) for cell in cells)  # type: ignore[misc]
    return tuple(line for line in lines if line is not None)


def _line(cell: CellRecord, results: Results) -> EnergyLine | None:
    key = results.store.record(cell.done_key).spec["needs"]["fit 0"]
    said: Any = results.store.record(key).results.get("evidence", {}).get("energy")
    if said is None:
        return None
    return alone(
        lambda: EnergyLine(cell.defense, key, Energy.model_validate(said)),
        lambda reason: EnergyLine(cell.defense, key, None, reason),
    )
