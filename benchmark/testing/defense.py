"""The contract of a defense."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.testing.claims import Claims
from benchmark.testing.defended import Defended
from benchmark.testing.isolation import global_randomness, untouched
from benchmark.testing.problem import Problem, color, grayscale
from benchmark.testing.settings import check_settings, fresh, instance_of
from defenses.base import Defense, FitData, Weights
from defenses.query_only import QueryOnly


def check_defense(defense: Defense | type[Defense]) -> None:
    """Check that a defense keeps its contract, on grayscale and on color images.

    Its traits are true; purified images keep their shape and range; random numbers come from the noise alone; an
    image's answer does not depend on the images beside it; what `fit` learned can be saved and given back; the
    classifier and the global random state are left alone. It may refuse one of the two kinds of images by a UserError.

    Raises:
        AssertionError: Saying what is broken.
    """
    defense = instance_of(defense, Defense)  # type: ignore[type-abstract]
    claims = Claims(defense)
    check_settings(defense, claims)
    refusals = [_refusal(problem, defense, claims) for problem in (grayscale(), color())]
    claims.holds(not all(refusals), f"refuses grayscale and color images alike: {refusals[0]}")


def _refusal(problem: Problem, defense: Defense, claims: Claims) -> str:
    """Check everything on one task; gives the reason when the defense was not made for its images, or nothing."""
    classifier = problem.classifier()
    try:
        weights = _fit(defense, problem, classifier, claims, seed=1)
        again = _fit(defense, problem, classifier, claims, seed=2)
        defended = [
            Defended(defense, claims, problem, classifier, _defend(defense, classifier, weights, claims, seed=seed))
            for seed in (3, 4)
        ]
        images = [each.purified() for each in defended]
    except UserError as refusal:
        return str(refusal)
    claims.holds(_equal(weights, again), "learns other weights when it is fitted again with the same seed")
    for name, other in _deciding_otherwise(defense, claims):
        claims.holds(
            _equal(weights, _fit(other, problem, classifier, claims, seed=1)),
            f"learns other weights with another {name}, which `not_fitted` says that `fit` does not read",
        )
    claims.holds(not Defense.weights_, "changes the empty default of `weights_` in place; set the attribute instead")
    claims.holds(
        torch.equal(*images) and torch.equal(*(each.decision() for each in defended)),
        "answers differently when it defends again with the same weights",
    )
    defended[0].check()
    return ""


def _deciding_otherwise(defense: Defense, claims: Claims) -> Iterator[tuple[str, Defense]]:
    """The defense with one more of each whole number that it says it is not fitted with, and half of any other."""
    settings = defense.settings()
    for name in sorted(defense.not_fitted):
        claims.holds(name in settings, f"has no setting {name!r}, which `not_fitted` names")
        value = settings.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield name, type(defense)(**{**settings, name: value + 1 if isinstance(value, int) else value / 2})


def _fit(defense: Defense, problem: Problem, classifier: nn.Module, claims: Claims, *, seed: int) -> Weights:
    """The weights that a fresh instance learns, after a round through the file format that they are kept in."""
    from safetensors.torch import load, save

    reported: list[float] = []
    data = FitData(
        train=problem.train,
        validation=problem.validation,
        classes=problem.classes,
        seed=0,
        device=torch.device("cpu"),
        report=lambda fraction, _text: reported.append(fraction),
    )
    pixels, labels = problem.train.pixels.clone(), problem.train.labels.clone()
    fitted = fresh(defense)
    with _watched(claims, "fit", "fits", classifier, seed=seed), frozen(classifier):
        fitted.fit(QueryOnly(classifier) if defense.query_only else classifier, data)
    claims.holds(all(0 <= fraction <= 1 for fraction in reported), "reports a share of its fitting outside [0, 1]")
    claims.holds(
        torch.equal(pixels, problem.train.pixels) and torch.equal(labels, problem.train.labels),
        "changes the training images or labels while it fits",
    )
    claims.holds(
        all(isinstance(k, str) and isinstance(v, Tensor) for k, v in fitted.weights_.items()),
        "has something else than named tensors in `weights_`",
    )
    claims.holds(all(bool(v.isfinite().all()) for v in fitted.weights_.values()), "learns weights that are not finite")
    with claims.works("have its `weights_` saved as safetensors"):
        return dict(load(save(fitted.weights_)))


def _defend(defense: Defense, classifier: nn.Module, weights: Weights, claims: Claims, *, seed: int) -> DefendedModel:
    defending = fresh(defense)
    defending.weights_ = weights
    task = "defend from its settings and the weights it is given back"
    with _watched(claims, task, "defends", classifier, seed=seed, may_draw=True):
        model = defending.defend(classifier)
    claims.holds(isinstance(model, DefendedModel), f"defends with a {type(model).__name__}, not a DefendedModel")
    return model


@contextmanager
def _watched(
    claims: Claims, infinitive: str, finite: str, classifier: nn.Module, *, seed: int, may_draw: bool = False
) -> Iterator[None]:
    with (
        claims.works(infinitive, may_refuse=True),
        untouched(claims, finite, classifier),
        global_randomness(claims, finite, seed=seed, may_draw=may_draw),
    ):
        yield


def _equal(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)
