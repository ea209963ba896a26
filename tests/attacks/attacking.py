"""How these tests call an attack."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.base import Aids, Attack, Composition, Outcome, Stop
from attacks.gradients.autograd import Autograd
from attacks.gradients.base import GradientEstimator
from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from benchmark.core.defended import DefendedModel
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.threat import Access, Epsilon, Norm
from tests.attacks.networks import decisions


def attack(
    method: Attack,
    model: nn.Module,
    x: Tensor,
    epsilon: str | float,
    *,
    norm: Norm = Norm.LINF,
    aim: Aim | None = None,
    noise: Noise | None = None,
    objective: Objective | None = None,
    estimator: GradientEstimator | None = None,
    stop: Stop = Stop.FIRST_SUCCESS,
) -> Outcome:
    """`method` on images `x` under ε; by default away from what the model says of them."""
    defended = model if isinstance(model, DefendedModel) else DefendedModel(model)
    composition = Composition(norm, Epsilon.parse(epsilon), objective, estimator or Autograd(), stop)
    aim = Aim(decisions(defended.classifier, x)) if aim is None else aim
    return method(defended, x, aim, Noise.of(0, range(len(x))) if noise is None else noise, composition)


def prepared(
    method: Attack,
    model: nn.Module,
    train: Tensor,
    epsilon: str | float,
    *,
    norm: Norm = Norm.LINF,
    proxies: tuple[nn.Module, ...] = (),
    seed: int = 0,
) -> Attack:
    """`method` after it has seen training images `train`, labelled as the model sees them."""
    defended = model if isinstance(model, DefendedModel) else DefendedModel(model)
    pixels = (train * 255).round().to(torch.uint8)
    labels = decisions(defended.classifier, pixels / 255)
    data = LabeledImages(pixels, labels, tuple(map(str, range(len(train)))))
    with torch.no_grad():
        classes = int(defended.classifier(train[:1]).shape[1])
    aids = Aids(
        model=defended if method.access is Access.GRADIENT else None,
        composition=Composition(norm, Epsilon.parse(epsilon)),
        train=data,
        classes=classes,
        proxies=proxies,
        seed=seed,
        device=torch.device("cpu"),
    )
    method.prepare(aids)
    return method


def in_two_parts(method: Attack, model: nn.Module, x: Tensor, epsilon: str | float, **settings: object) -> Outcome:
    """The same as `attack`, five images first and then the others."""
    aim = Aim(decisions(model, x))
    noise = Noise.of(0, range(len(x)))
    parts = [
        attack(method, model, x[r], epsilon, aim=aim[r], noise=noise[r], **settings)  # type: ignore[arg-type]
        for r in (slice(0, 5), slice(5, len(x)))
    ]
    return Outcome.concatenate(parts)
