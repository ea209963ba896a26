"""Energies from the records of the steps that fitted them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmark.records.run_record import CellRecord
from leaderboard.energies.schema import Energy, EnergyLine
from leaderboard.reading import alone
from leaderboard.results import Results


def energies(results: Results) -> tuple[EnergyLine, ...]:
    """A line for every energy that a defense of the robustness table learned, in the suite's order.

    Defenses that say the same of it to the last digit share one: they differ in how they decide and not in what they
    learned.
    """
    cells = [c for c in results.run.of("robustness") if c.attack == "clean" and c.status == "done"]
    lines = (alone(lambda c=cell: _line(c, results), lambda _: None) for cell in cells)  # type: ignore[misc]
    found: list[EnergyLine] = []
    for line in lines:
        if line is None:
            continue
        same = next((n for n, other in enumerate(found) if line.energy and other.energy == line.energy), None)
        if same is None:
            found.append(line)
        else:
            found[same] = replace(found[same], defenses=(*found[same].defenses, *line.defenses))
    return tuple(found)


def _line(cell: CellRecord, results: Results) -> EnergyLine | None:
    key = results.store.record(cell.done_key).spec["needs"]["fit 0"]
    said: Any = results.store.record(key).results.get("evidence", {}).get("energy")
    if said is None:
        return None
    return alone(
        lambda: EnergyLine((cell.defense,), key, Energy.model_validate(said)),
        lambda reason: EnergyLine((cell.defense,), key, None, reason),
    )
