"""The contract of a study."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from benchmark.core.batching import BatchSize
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.settings import Count
from benchmark.core.threat import Epsilon, Norm
from benchmark.records.study_findings import Measured, StudyFindings
from benchmark.studies.base import Findings, Study
from benchmark.studies.subject import Subject
from benchmark.testing.claims import Claims
from benchmark.testing.isolation import global_randomness, untouched
from benchmark.testing.problem import DoublePrecision, Problem, color, grayscale
from benchmark.testing.settings import check_settings, fresh, instance_of
from defenses.base import Defense
from defenses.none import NoDefense

_IMAGES = 10
_ROUNDING = 1e-3


class _Smoothing(Defense):
    """Noise and a pull towards the mean in small steps: a purifier with every trait. Without a name."""

    randomized = True
    differentiable = False
    purifier = True
    exact_gradient = True

    def __init__(self, *, steps: Count = 3, votes: Count = 2) -> None:
        self.steps = steps
        self.votes = votes

    @property
    def purify_passes(self) -> Passes:
        return Passes(self.steps, self.steps)

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def smooth(x: Tensor, noise: Noise) -> Tensor:
            state = x.double()
            for step in range(self.steps):
                state = state + 0.05 * (state.mean((2, 3), keepdim=True) - state)
                state = state + 0.01 * noise.at(step).normal(x.shape[1:])
            return state.clamp(0, 1).float()

        def purify(x: Tensor, noise: Noise) -> Tensor:
            with torch.no_grad():
                return smooth(x, noise)

        return DefendedModel(
            classifier,
            purify=purify,
            exact_purify=smooth,
            purify_passes=self.purify_passes,
            votes=self.votes,
            randomized=True,
        )


def check_study(study: Study | type[Study]) -> None:
    """Check that a study keeps its contract, on grayscale and on color images.

    It finds a table with finite numbers of one that it says it can be made of; the same again, and whatever the
    batches; random numbers come from the noise alone; the images, the labels, the classifier and the global random
    state are left alone. It may refuse a defense in words, but not each of: none, and a randomized purifier with an
    exact gradient and a number of `steps`.

    Raises:
        AssertionError: Saying what is broken.
    """
    study = instance_of(study, Study)  # type: ignore[type-abstract]
    claims = Claims(study)
    check_settings(study, claims)
    refusals = [
        _refusal(study, problem, defense, claims)
        for problem in (grayscale(), color())
        for defense in (NoDefense(), _Smoothing())
    ]
    claims.holds(not all(refusals), f"can be made of nothing: {refusals[-1]}")


def _refusal(study: Study, problem: Problem, defense: Defense, claims: Claims) -> str:
    """Check everything on one defended model; gives the reason where the study cannot be made of it, or nothing."""
    with claims.works("say whether it can be made of a defense and what that costs", may_refuse=True):
        reason = study.without_use(defense)
        claims.holds(isinstance(reason, str), f"gives {type(reason).__name__} and not text in `without_use`")
        if reason:
            return reason
        cost = study.passes(defense)
        claims.holds(isinstance(cost, Passes), f"gives {type(cost).__name__} and not Passes in `passes`")
    try:
        found = [_found(study, problem, defense, claims, seed=seed, batch=batch) for seed, batch in ((1, 64), (2, 64))]
        parts = _found(study, problem, defense, claims, seed=3, batch=4)
    except UserError as refusal:
        return str(refusal)
    claims.holds(found[0] == found[1], "finds something else when it is made again with the same noise")
    claims.holds(_alike(found[0], parts), "finds something else when its images come in other batches")
    return ""


def _found(study: Study, problem: Problem, defense: Defense, claims: Claims, *, seed: int, batch: int) -> StudyFindings:
    classifier = DoublePrecision(problem.classifier()).eval()
    images = problem.correct(_IMAGES)
    subject = Subject(
        model=defense.defend(classifier),
        defense=defense,
        classifier=classifier,
        images=images.floats(),
        labels=images.labels.clone(),
        groups=images.ids,
        noise=Noise.of(0, range(len(images))),
        norm=Norm.LINF,
        epsilon=Epsilon.parse("8/255"),
        batch_size=BatchSize(batch),
        report=lambda share, _text: claims.holds(0 <= share <= 1, "reports a share of its work outside [0, 1]"),
    )
    with (
        claims.works("be made", may_refuse=True),
        untouched(claims, "is made", classifier),
        global_randomness(claims, "is made", seed=seed, may_draw=False),
    ):
        found = fresh(study).run(subject)
        claims.holds(isinstance(found, Findings), f"hands back {type(found).__name__} and not Findings")
    claims.holds(
        torch.equal(subject.images, images.floats()) and torch.equal(subject.labels, images.labels),
        "changes the images or labels that it is handed",
    )
    with claims.works("hand back a table, curves and pictures that fit together"):
        return found.record()


def _alike(one: StudyFindings, other: StudyFindings) -> bool:
    """The same up to rounding."""
    first, second = list(_values(one)), list(_values(other))
    return len(first) == len(second) and all(_same(a, b) for a, b in zip(first, second, strict=True))


def _values(found: StudyFindings) -> Iterator[object]:
    cells = [cell for row in found.rows for cell in row] + [each for curve in found.curves for each in curve.y]
    for cell in cells:
        yield from (cell.value, cell.low, cell.high) if isinstance(cell, Measured) else (cell,)


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= _ROUNDING * max(1.0, abs(one))
    return one == other
