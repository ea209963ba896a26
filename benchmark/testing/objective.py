"""The contract of an objective."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from attacks.objectives.aim import Aim, other_class
from attacks.objectives.base import Objective
from benchmark.core.features import Features, recording
from benchmark.testing.claims import Claims
from benchmark.testing.extraction import extract
from benchmark.testing.isolation import global_randomness
from benchmark.testing.problem import Problem, color, grayscale
from benchmark.testing.settings import check_settings, fresh, instance_of

IMAGES = 24
_ROUNDING = 1e-4
_NEARER = 0.9
"""Share of the way to the decision boundary, which no logit passes."""


def check_objective(objective: Objective | type[Objective]) -> None:
    """Check that an objective keeps its contract, on the answers of a classifier about two small tasks.

    It gives one finite value an image, whatever the others and their order; a gradient reaches the logits or the
    features that it says it needs; the value grows as the logits near the aim; it changes neither what it is handed nor
    the global random state, and the same objective built again gives the same values. One that builds on another is
    handed cross-entropy.

    Raises:
        AssertionError: Saying what is broken.
    """
    objective = instance_of(objective, Objective)  # type: ignore[type-abstract]
    claims = Claims(objective)
    check_settings(objective, claims)
    tried = [
        _Trial(objective, claims, problem, targeted).check()
        for problem in (grayscale(), color())
        for targeted in (False, True)
    ]
    claims.holds(any(tried), "is defined for neither two nor three classes, so that nothing of it can be checked")


@dataclass
class _Trial:
    objective: Objective
    claims: Claims
    problem: Problem
    targeted: bool

    def check(self) -> bool:
        """Whether the objective is defined on this task."""
        kind = self.objective
        if self.problem.classes < (kind.minimum_classes_targeted if self.targeted else kind.minimum_classes):
            return False
        logits, features, aim = self._answer()
        fitted = self._fitted()
        value = self._ask(fitted, logits, features, aim, seed=1)
        self._check_rows(fitted, logits, features, aim, value)
        again = self._ask(self._fitted(), logits, features, aim, seed=2)
        self.claims.holds(_close(value, again), "gives other values when it is built and fitted again")
        self._check_gradient(fitted, logits, features, aim)
        nearer = self._ask(fitted, _nearer(logits, aim), features, aim, seed=1)
        rises = (nearer > value).double().mean()
        where = " with a target" * self.targeted
        self.claims.holds(
            bool(rises > 0.5) and not bool((nearer < value - _ROUNDING).any()),
            f"does not grow as the logits near the aim{where}: it rises for {rises:.0%} of {IMAGES} images",
        )
        return True

    def _answer(self) -> tuple[Tensor, Features, Aim]:
        images, network = self.problem.correct(IMAGES), self.problem.classifier()
        with torch.no_grad(), recording(network) as features:
            logits = network(images.floats())
        targets = other_class(images.labels, logits) if self.targeted else None
        return logits, features, Aim(images.labels, targets, images.index)

    def _fitted(self) -> Objective:
        train = self.problem.train
        objective = fresh(self.objective)
        if objective.needs_features:
            seen = extract(self.problem.classifier(), iter([train.floats()]))
            with self.claims.works("be fitted"), global_randomness(self.claims, "is fitted", seed=1):
                objective.fit(seen, train.labels.clone(), self.problem.classes)
        return objective

    def _ask(self, objective: Objective, logits: Tensor, features: Features, aim: Aim, *, seed: int) -> Tensor:
        """The values, checked for what must hold of all."""
        assert features.penultimate is not None
        given = (logits, *features.layers, features.penultimate, aim.labels)
        before = [tensor.clone() for tensor in given]
        with self.claims.works("be computed"), global_randomness(self.claims, "is computed", seed=seed):
            value = objective(logits, features if objective.needs_features else None, aim)
        rows = len(aim.labels)
        self.claims.holds(
            isinstance(value, Tensor) and value.shape == (rows,), f"gives no single value for each of {rows} images"
        )
        self.claims.holds(bool(value.isfinite().all()), "gives NaN or infinity")
        same = all(torch.equal(a.detach(), b.detach()) for a, b in zip(given, before, strict=True))
        self.claims.holds(same, "writes into the logits, features or labels that it is handed")
        return value

    def _check_rows(self, objective: Objective, logits: Tensor, features: Features, aim: Aim, value: Tensor) -> None:
        order = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(0))
        for rows in (order, torch.arange(5)):
            some = self._ask(objective, logits[rows], _of(features, rows), aim[rows], seed=1)
            self.claims.holds(
                _close(some, value[rows]), "gives an image another value in other company: its batches mix"
            )

    def _check_gradient(self, objective: Objective, logits: Tensor, features: Features, aim: Aim) -> None:
        assert features.penultimate is not None
        leaf = logits.clone().requires_grad_()
        hidden = Features([f.clone().requires_grad_() for f in features.layers], features.penultimate.clone())
        assert hidden.penultimate is not None
        hidden.penultimate.requires_grad_()
        value = self._ask(objective, leaf, hidden, aim, seed=1)
        self.claims.holds(value.requires_grad, "lets no gradient through to what it is handed")
        inputs = [leaf, *hidden.layers, hidden.penultimate]
        found = torch.autograd.grad(value.sum(), inputs, allow_unused=True)
        slopes = [slope for slope in found if slope is not None]
        self.claims.holds(all(bool(s.isfinite().all()) for s in slopes), "has a gradient that is not finite")
        self.claims.holds(any(bool((s != 0).any()) for s in slopes), "has a gradient that is zero throughout")


def _nearer(logits: Tensor, aim: Aim) -> Tensor:
    """The logits with the margin to the aim almost closed, the wanted class no likelier than the first."""
    gap = -aim.margin(logits).clamp_max(0) * _NEARER
    if aim.targets is None:
        return logits.scatter_add(1, aim.labels[:, None], -gap[:, None])
    return logits.scatter_add(1, aim.targets[:, None], gap[:, None])


def _of(features: Features, rows: Tensor) -> Features:
    assert features.penultimate is not None
    return Features([layer[rows] for layer in features.layers], features.penultimate[rows])


def _close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one.detach(), other.detach(), rtol=_ROUNDING, atol=_ROUNDING)
