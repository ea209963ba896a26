"""The cells of the transfer matrix: images crafted on one classifier, shown to another model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from attacks.base import Stop
from attacks.gradients.autograd import Autograd
from attacks.transfer import Transfer
from attacks.transfer_ensemble import TransferEnsemble
from benchmark.core.bounds import perturbation_bound
from benchmark.core.errors import UserError
from benchmark.core.threat import Access, Epsilon, ThreatModel
from benchmark.planning.context import Context, chosen
from benchmark.planning.pairing import threat_model
from benchmark.planning.plan import Cell
from benchmark.planning.table_planner import TablePlanner
from benchmark.steps.attack import AttackStep
from benchmark.steps.fit import FitStep
from benchmark.steps.train import TrainStep
from benchmark.suites.suite import ClassifierTable, TransferClassifierTable, TransferTable
from defenses.base import Defense
from defenses.none import NoDefense

ENSEMBLE = "ensemble"
"""Label of the source that is every classifier but the target's own."""


@dataclass(frozen=True)
class TransferPlanner(TablePlanner):
    """Sources by targets.

    A source is a classifier, or the mean logits of all of them but the target's own (Liu et al. 2017); with fewer than
    three classifiers there is no such ensemble. A target is a classifier alone, or the suite's behind a defense.

    Attributes:
        context: The suite and the data.
        table: `[transfer]`.
        classifiers: Every classifier of the matrix by label, the suite's own first.
    """

    context: Context
    table: TransferTable
    classifiers: dict[str, TrainStep]

    @classmethod
    def of(cls, context: Context, train: TrainStep) -> Self | None:
        """The matrix of `[transfer]`, whose first classifier is the suite's own.

        Raises:
            UserError: There is no classifier beside the suite's own; a label or a classifier appears twice; the attack
                has no such setting or cannot respect the norm.
        """
        table, own = context.suite.transfer, train
        if table is None:
            return None
        where = f"{context.where}: transfer"
        if not table.classifier:
            raise UserError(
                "there is no classifier beside the suite's own",
                where=where,
                remedy="add a [transfer.classifier.LABEL] table, or remove [transfer]",
            )
        classifiers: dict[str, TrainStep] = {}
        for label in (own.classifier.name, *table.classifier):
            key = f"transfer.classifier.{label}"
            if label in (*classifiers, *context.suite.defense, ENSEMBLE):
                raise UserError(
                    f"the label {label!r} stands for something else in the matrix",
                    where=f"{context.where}: {key}",
                    remedy="let no classifier be called like a defense, the suite's classifier or 'ensemble'",
                )
            step = own if not classifiers else _train(context, table.classifier[label], key)
            twin = next((other for other, known in classifiers.items() if known.key == step.key), None)
            if twin is not None:
                raise UserError(
                    f"it is the same classifier as {twin!r}",
                    where=f"{context.where}: {key}",
                    remedy="give it another seed or other settings",
                )
            classifiers[label] = step
        matrix = cls(context, table, classifiers)
        if table.norm not in matrix._attack(1).norms:
            raise UserError(
                f"the transfer attack cannot respect {table.norm.symbol}",
                where=f"{where}.norm",
                remedy=f"use {' or '.join(sorted(Transfer.norms))}",
            )
        perturbation_bound(table.epsilon, table.norm, context.data.train.shape, where=f"{where}.epsilon")
        return matrix

    def attacks(self) -> list[str]:
        return self.sources

    def targets(self) -> list[str]:
        return list(self.classifiers)

    @property
    def sources(self) -> list[str]:
        """Labels of the rows."""
        return [*self.classifiers, *([ENSEMBLE] if len(self.classifiers) > 2 else [])]

    def of_all(self, defenses: dict[str, Defense]) -> list[Cell]:
        """A cell for every source and target that the command line chose, row by row.

        Args:
            defenses: The suite's defenses by label; one that is no defense has its column as a classifier already.
        """
        selection = self.context.selection
        own = next(iter(self.classifiers))
        targets = [
            (label, label, FitStep(train, label, NoDefense(), self.context.seed))
            for label, train in self.classifiers.items()
            if chosen(label, selection.defenses)
        ]
        targets += [
            (label, own, FitStep(self.classifiers[own], label, defense, self.context.seed))
            for label, defense in defenses.items()
            if self.table.defenses and chosen(label, self.table.defenses) and not isinstance(defense, NoDefense)
        ]
        return [
            self._cell(source, target, base, fit)
            for source in self.sources
            if chosen(source, selection.attacks)
            for target, base, fit in targets
        ]

    def _cell(self, source: str, target: str, base: str, fit: FitStep) -> Cell:
        """The cell of a source and a target that stands on the classifier `base`."""
        proxies = [
            train
            for label, train in self.classifiers.items()
            if (label != base if source == ENSEMBLE else label == source)
        ]
        step = AttackStep(
            clean=self.context.evaluated(fit),
            name=source,
            attack=self._attack(len(proxies)),
            norm=self.table.norm,
            epsilon=Epsilon.parse(self.table.epsilon),
            objective=None,
            gradient=Autograd(),
            stop=Stop.FIRST_SUCCESS,
            features=None,
            proxies=tuple(proxies),
            replicates=self.context.suite.evaluation.replicates,
            seed=self.context.seed,
        )
        return Cell("transfer", target, source, "none", step, threat=self._threat(step, itself=source == target))

    def _threat(self, step: AttackStep, *, itself: bool) -> ThreatModel:
        model = threat_model(self.context, step, step.clean.fit.defense, "none")
        if not itself:
            return replace(model, knows_defense=False)
        # The attacker's own classifier is the target: all is known, and still the target is not asked.
        budget = f"{self._attack(1).duration().steps} steps on the model itself, no query"
        return replace(model, access=Access.GRADIENT, budget=budget)

    def _attack(self, proxies: int) -> Transfer:
        settings = self.table.attack.settings
        single = Transfer.from_settings(settings, where=f"{self.context.where}: transfer.attack")
        return single if proxies == 1 else TransferEnsemble(proxies=proxies, **settings)


def _train(context: Context, table: TransferClassifierTable, key: str) -> TrainStep:
    named = ClassifierTable.model_validate({"name": table.name, **table.settings})
    return context.train(named, key, context.seed_after(table.seed))[0]
