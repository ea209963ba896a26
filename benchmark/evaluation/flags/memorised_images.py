"""Flag: the model does better on the very images of the evaluation files than on images like them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmark.core.errors import UserError
from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict
from benchmark.evaluation.sign_test import sign_test
from benchmark.evaluation.views import composite, joined, mirrored, shifted

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.core.noise import Noise
    from benchmark.evaluation.flags.probe import Probe, Shown

ATTACKED = 48
_AFFORDABLE = 20_000
"""Images that are attacked in each way, or as many as these passes each allow; at least those of the probe."""

ACCURACY = 0.15
ROBUSTNESS, SUSPECT = 0.3, 0.2
LEVEL, DOUBT = 0.01, 0.15
JOINED = 0.3
MOST = 0.5
ALIKE = 0.15
GRAIN = 0.02
"""Deviation of the noise on a grainy view: more than the rounding of an 8-bit file can hide."""


def _mirrored(x: Tensor, noise: Noise) -> Tensor:
    del noise
    return mirrored(x)


def _shifted(x: Tensor, noise: Noise) -> Tensor:
    del noise
    return shifted(x, 1, 1)


def _grainy(x: Tensor, noise: Noise) -> Tensor:
    return (x + GRAIN * noise.stream("grain").normal(x.shape[1:])).clamp(0, 1)


VIEWS: dict[str, Callable[[Tensor, Noise], Tensor]] = {
    "mirrored": _mirrored,
    "shifted": _shifted,
    "grainy": _grainy,
    "changed in all ways": composite,
}


class MemorisedImages(MeasuredCheck):
    """Largest advantage of the evaluation images over images that no evaluation file holds, in accuracy or robustness.

    Accuracy: how much more the model loses on views of evaluation images (mirrored, moved by a pixel, noisy, and all of
    that with a little zoom, rotation and gamma) than on the same views of validation images, and how far its accuracy
    lies above that on validation images; both also beyond what the undefended classifier shows, since the two splits
    may differ in difficulty. Robustness: what PGD leaves standing of evaluation images beyond what it leaves of their
    views, and of validation images; where views are no longer images of their class to the model and to the undefended
    classifier, beyond what validation images lose on theirs. However little stands: at most half of it beyond both.
    And robust accuracy on images that are joined of two of one class, each half from another.
    """

    id = "memorised_images"
    threshold = (
        "at most 15 points of accuracy and 30 of robustness (half of it beyond both), or p ≥ 0.01; undecided from 20 "
        "at p < 0.15"
    )
    meaning = "The model knows its test images: what it says of them is no measure of what it does on others."
    source = "Recht et al. 2019, Do ImageNet classifiers generalize to ImageNet?"

    def measure(self, probe: Probe) -> dict[str, Any]:
        assert probe.evaluation is not None
        assert probe.validation is not None
        if not len(probe.validation.labels):
            raise UserError("no validation images to compare with", remedy="give some")
        robustness, stands = _robustness(probe)
        return {
            "n": len(probe.evaluation.labels),
            "accuracy": _accuracy(probe),
            "robustness": robustness,
            "stands": stands,
            "joined": _joined(probe),
        }

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        accuracy, robustness = measured["accuracy"], measured["robustness"]
        raised = [name for name, (by, p) in accuracy.items() if by > ACCURACY and p < LEVEL]
        raised += [name for name, (by, p) in robustness.items() if by > ROBUSTNESS and p < LEVEL]
        # A known image in six would make a row that is worth nothing stand above those that are worth little.
        most = [by > MOST * measured["stands"] and p < LEVEL for by, p in robustness.values()]
        raised += ["most of what stands"] if len(most) == 2 and all(most) else []
        raised += [name for name, (by, p) in measured["joined"].items() if by > JOINED and p < LEVEL]
        open_ = [name for name, (by, p) in robustness.items() if by > SUSPECT and p < DOUBT]
        advantages = {**accuracy, **robustness, **measured["joined"]}
        note = ", ".join(f"{name}: {100 * by:+.0f} points" for name, (by, _) in advantages.items())
        verdict = Verdict.FAIL if raised else Verdict.UNDECIDED if open_ else Verdict.PASS
        if raised or open_:
            note = f"{', '.join(raised or open_)}; {note}"
        return self.flag(verdict, max(by for by, _ in advantages.values()), measured["n"], note)


def _accuracy(probe: Probe) -> dict[str, tuple[float, float]]:
    """(advantage of evaluation images, one-sided p of none) in accuracy, per comparison."""
    from attacks.gradients.autograd import Autograd
    from benchmark.core.defended import DefendedModel

    assert probe.evaluation is not None
    assert probe.validation is not None
    undefended = probe.of(DefendedModel(probe.undefended), Autograd())
    splits = (probe.evaluation, probe.validation)
    right = [[_right(asked, split) for split in splits] for asked in (probe, undefended)]
    advantages = {"above validation": _beyond(right[0], right[1])}
    for name, view in VIEWS.items():
        losses = []
        for asked, originals in zip((probe, undefended), right, strict=True):
            seen = [_right(asked, split, view) for split in splits]
            losses.append([before - after for before, after in zip(originals, seen, strict=True)])
        advantages[f"lost when {name}"] = _beyond(losses[0], losses[1])
    return advantages


def _robustness(probe: Probe) -> tuple[dict[str, tuple[float, float]], float]:
    """The same for what an attack leaves standing of images that are right, and how much of them it leaves."""
    assert probe.validation is not None
    own = _attacked(probe)
    held = probe.on(probe.validation.images, probe.validation.labels, probe.validation.noise)
    held = held[_right_rows(held)[: len(own)]]
    advantages, share = {}, 0.0
    lost = _lost_on_views(own)
    if lost is not None:
        by, p = lost
        usual = _lost_on_views(held) if by > SUSPECT and not _sees_alike(probe) else None
        advantages["robust beyond its views"] = (by - max(usual[0], 0.0) if usual else by, p)
    if len(held):
        stands, others = ~own.attack().success, ~held.attack().success
        share = float(stands.double().mean())
        by = share - float(others.double().mean())
        advantages["robust beyond validation"] = (by, _fisher(stands, others))
    return advantages, share


def _joined(probe: Probe) -> dict[str, tuple[float, float]]:
    """The same for robust accuracy, of evaluation images beyond images that are joined of two of a class.

    Nothing is said where such images are no longer of their class to the undefended classifier.
    """
    from attacks.gradients.autograd import Autograd
    from benchmark.core.defended import DefendedModel

    assert probe.evaluation is not None
    shown = probe.evaluation
    each = probe.estimator.passes(probe.model)
    count = min(ATTACKED, max(len(probe), _AFFORDABLE // (probe.steps * (each.forwards + each.backwards))))
    some = slice(0, count)
    whole = probe.on(shown.images[some], shown.labels[some], shown.noise[some])
    parts = whole.on(joined(whole.images, whole.labels, whole.noise), whole.labels, whole.noise.stream("joined"))
    undefended = probe.of(DefendedModel(probe.undefended), Autograd())
    loss = [float((undefended.decide(p.images, p.noise).argmax(1) == p.labels).double().mean()) for p in (whole, parts)]
    if loss[0] - loss[1] > ALIKE:
        return {}
    robust = [_robust(p) for p in (whole, parts)]
    by = float(robust[0].double().mean() - robust[1].double().mean())
    return {"robust beyond joined images": (by, _fisher(*robust))}


def _robust(probe: Probe) -> Tensor:
    """Which images are right and stand: bool [N] on the CPU."""
    import torch

    robust = torch.zeros(len(probe), dtype=torch.bool)
    rows = _right_rows(probe)
    if len(rows):
        robust[rows.cpu()] = ~probe[rows].attack().success
    return robust


def _lost_on_views(probe: Probe) -> tuple[float, float] | None:
    """(share of images that stand and whose view falls, less the reverse; one-sided p), of views that are right."""
    if not len(probe):
        return None
    views = probe.on(composite(probe.images, probe.noise.stream("view")), probe.labels, probe.noise.stream("seen"))
    right = _right_rows(views)
    if not len(right):
        return None
    stands, falls = ~probe.attack().success[right.cpu()], views[right].attack().success
    only, other = int((stands & falls).sum()), int((~stands & ~falls).sum())
    return (only - other) / len(right), sign_test(only, other)


def _sees_alike(probe: Probe) -> bool:
    """Whether views are to the model what images are: else it is no wonder that they are less robust.

    The undefended classifier must agree, since a look-up can be made to be lost on what it does not know.
    """
    from attacks.gradients.autograd import Autograd
    from benchmark.core.defended import DefendedModel

    assert probe.validation is not None
    undefended = probe.of(DefendedModel(probe.undefended), Autograd())
    loss = [
        float((_right(asked, probe.validation) - _right(asked, probe.validation, composite)).mean())
        for asked in (probe, undefended)
    ]
    return min(loss) <= ALIKE


def _right_rows(probe: Probe) -> Tensor:
    return (probe.decide(probe.images).argmax(1) == probe.labels).nonzero().flatten()


def _attacked(probe: Probe) -> Probe:
    """Images that the model gets right: the probe's, or more where attacks are cheap."""
    assert probe.evaluation is not None
    each = probe.estimator.passes(probe.model)
    count = min(ATTACKED, _AFFORDABLE // (probe.steps * (each.forwards + each.backwards)))
    if count <= len(probe):
        return probe
    everything = probe.on(probe.evaluation.images, probe.evaluation.labels, probe.evaluation.noise)
    return everything[_right_rows(everything)[:count]]


def _right(probe: Probe, split: Shown, view: Callable[[Tensor, Noise], Tensor] | None = None) -> Tensor:
    """1.0 where the model is right on (a view of) an image, else 0.0: float64 [N] on the CPU."""
    x = split.images if view is None else view(split.images, split.noise)
    return (probe.decide(x, split.noise).argmax(1) == split.labels).double().cpu()


def _beyond(defended: list[Tensor], undefended: list[Tensor]) -> tuple[float, float]:
    """(difference of the means of evaluation and validation, also beyond the undefended model's; one-sided p)."""
    evaluation, validation = defended
    by = float(evaluation.mean() - validation.mean())
    usual = float(undefended[0].mean() - undefended[1].mean())
    spread = math.sqrt(float(evaluation.var() / len(evaluation) + validation.var() / len(validation)))
    p = 0.5 * math.erfc(by / max(spread, 1e-12) / math.sqrt(2))
    return min(by, by - usual), p


def _fisher(first: Tensor, second: Tensor) -> float:
    """One-sided exact p that shares of `first` and `second` agree."""
    from scipy.stats import fisher_exact

    counts = [[int(s.sum()), int((~s).sum())] for s in (first, second)]
    return float(fisher_exact(counts, alternative="greater").pvalue)
