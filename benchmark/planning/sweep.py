"""The cells of a sweep: those of an ordinary suite in which one setting has another value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from benchmark.core.errors import UserError, did_you_mean
from benchmark.core.settings import shortened
from benchmark.core.threat import Epsilon
from benchmark.planning.clean import CleanPlanner
from benchmark.planning.context import Context, chosen
from benchmark.planning.detection import DetectionPlanner
from benchmark.planning.fitting import fit_step
from benchmark.planning.labels import check_globs
from benchmark.planning.plan import Cell
from benchmark.planning.robustness import RobustnessPlanner
from benchmark.planning.table_planner import PlannedDefense, TablePlanner
from benchmark.records.sweep_point import SweepPoint
from benchmark.steps.train import TrainStep
from benchmark.suites.suite import Suite, SweepTable
from defenses.base import Defense

T = TypeVar("T", bound=BaseModel)

MOST = 64
"""Values of a sweep."""


@dataclass(frozen=True)
class SweepPlanner(TablePlanner):
    """Every sweep, value by value.

    A point's steps are those that the suite would have with that value, so that a point at the value of the suite
    itself is computed once for both.
    """

    context: Context
    train: TrainStep

    @classmethod
    def of(cls, context: Context, train: TrainStep) -> Self | None:
        return cls(context, train) if context.suite.sweep else None

    def of_all(self, defenses: dict[str, Defense]) -> list[Cell]:
        """The cells of every sweep.

        Raises:
            UserError: A sweep sets nothing, two things, or what the suite has not; it has one value, or one twice; a
                value is out of the setting's range.
        """
        return [
            cell for label, table in self.context.suite.sweep.items() for cell in self._of_sweep(label, table, defenses)
        ]

    def _of_sweep(self, label: str, table: SweepTable, defenses: dict[str, Defense]) -> Iterator[Cell]:
        where = f"{self.context.where}: sweep.{label}"
        path, values = _setting(table, where)
        _check(self.context.suite, path, table, where)
        for value in values:
            point = SweepPoint(sweep=label, setting=".".join(path), value=str(value), number=_number(value))
            try:
                yield from self._at(point, path, value, table, defenses)
            except UserError as error:
                raise UserError(
                    f"{point.setting} = {shortened(value)}: {error.problem}", where=where, remedy=error.remedy
                ) from error

    def _at(
        self, point: SweepPoint, path: tuple[str, ...], value: object, table: SweepTable, defenses: dict[str, Defense]
    ) -> Iterator[Cell]:
        context = replace(self.context, suite=_with(self.context.suite, path, value))
        kind, swept = path[0], path[1]
        planners: list[TablePlanner | None] = [CleanPlanner.of(context, self.train)]
        planners.append((DetectionPlanner if kind == "detector" else RobustnessPlanner).of(context, self.train))
        for label in defenses:
            if not chosen(label, table.defenses) or (kind == "defense" and label != swept):
                continue
            own = context.suite.defense[label]
            defense = context.defense(label, own)
            planned = PlannedDefense(own, defense, fit_step(context, label, defense, self.train))
            for planner in planners:
                for cell in [] if planner is None else planner.of_defense(planned):
                    if _belongs(cell, kind, swept, table):
                        yield replace(cell, table="sweep", sweep=point)


def _belongs(cell: Cell, kind: str, swept: str, table: SweepTable) -> bool:
    if cell.attack == "clean":
        return kind != "detector"
    if kind == "attack" and cell.attack != swept:
        return False
    if kind == "detector" and cell.detector != swept:
        return False
    return cell.step is not None and chosen(cell.attack, table.attacks)


def _setting(table: SweepTable, where: str) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """(path of the setting, its values)."""
    found: list[tuple[tuple[str, ...], tuple[Any, ...]]] = [
        (("robustness", key), values) for key, values in table.robustness.items()
    ]
    for kind in ("defense", "attack", "detector"):
        for label, settings in getattr(table, kind).items():
            found += [((kind, label, key), values) for key, values in settings.items()]
    if len(found) != 1:
        raise UserError(
            f"a sweep sets one thing, not {len(found)}",
            where=where,
            remedy='write one line, such as defense.LABEL.SETTING = [1, 2] or robustness.epsilon = ["2/255", "8/255"]',
        )
    path, values = found[0]
    key = f"{where}.{'.'.join(path)}"
    if not 2 <= len(values) <= MOST:
        raise UserError(f"{len(values)} values are no sweep", where=key, remedy=f"give 2 to {MOST}")
    if len({str(value) for value in values}) < len(values):
        raise UserError("it has a value twice", where=key, remedy="give each once")
    return path, values


def _check(suite: Suite, path: tuple[str, ...], table: SweepTable, where: str) -> None:
    """Raise UserError where the suite does not have what is swept, or what a sweep is narrowed to."""
    kind, label = path[0], path[1]
    section = suite.detection if kind == "detector" else suite.robustness
    if section is None:
        missing = "detection" if kind == "detector" else "robustness"
        raise UserError(f"the suite has no [{missing}]", where=where, remedy=f"add [{missing}], or remove the sweep")
    check_globs(table.attacks, section.attack, f"{where}.attacks")
    check_globs(table.defenses, suite.defense, f"{where}.defenses")
    if kind == "robustness":
        if label not in ("epsilon", "eot_samples"):
            raise UserError(
                f"no sweep is over robustness.{label}",
                where=where,
                remedy=did_you_mean(label, ["epsilon", "eot_samples"]),
            )
        return
    everything: dict[str, dict[str, Any]] = {
        "defense": dict(suite.defense),
        "detector": dict(suite.detector),
        "attack": dict(section.attack),
    }
    tables = everything[kind]
    if label not in tables or not tables[label].enabled:
        known = [name for name, table in tables.items() if table.enabled]
        raise UserError(f"the suite has no {kind} {label!r}", where=where, remedy=did_you_mean(label, known))


def _with(suite: Suite, path: tuple[str, ...], value: object) -> Suite:
    """The suite with another value at `path`."""
    kind, label, *key = path
    if kind == "robustness":
        return suite.model_copy(update={"robustness": _changed(suite.robustness, label, value)})
    if kind == "attack":
        assert suite.robustness is not None
        attacks = suite.robustness.attack
        changed = {**attacks, label: _changed(attacks[label], key[0], value)}
        return suite.model_copy(update={"robustness": suite.robustness.model_copy(update={"attack": changed})})
    tables = getattr(suite, kind)
    return suite.model_copy(update={kind: {**tables, label: _changed(tables[label], key[0], value)}})


def _changed(table: T | None, key: str, value: object) -> T:
    assert table is not None
    written = {name: getattr(table, name) for name in table.model_fields_set}
    try:
        return type(table).model_validate({**written, key: value})
    except ValidationError as error:
        raise UserError("it cannot be that", remedy="give what the setting takes: see `describe`") from error


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return Epsilon.parse(str(value)).value
    except UserError:
        return None
