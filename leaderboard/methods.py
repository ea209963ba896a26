"""The methods that a run is made of, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.core.plugin import registered
from benchmark.records.run_record import RunRecord


def sources(run: RunRecord) -> dict[str, str]:
    """The source of each defense, attack, objective, gradient and detector of the run's results, in its order.

    Defenses are as the run records them; the others as plug-ins that are loaded say it. One that is not says so.
    """
    found = {f"defense {record.method}": record.source for record in run.defenses.values()}
    for kind, name in _named(run):
        plugin = registered(kind).get(name)
        # An attack's own objective goes by its name.
        if plugin is not None:
            found.setdefault(f"{kind} {name}", plugin.source)
        elif kind != "objective":
            found.setdefault(f"{kind} {name}", "the plug-in is not loaded, and its source not known")
    return found


def _named(run: RunRecord) -> Iterator[tuple[str, str]]:
    for cell in run.cells:
        if cell.status == "done" and cell.facts is not None:
            yield "attack", cell.facts.method
            yield "objective", cell.facts.objective
            yield "gradient", cell.facts.gradient
        if cell.status == "done" and cell.detector in run.suite.detector:
            yield "detector", run.suite.detector[cell.detector].method or cell.detector
