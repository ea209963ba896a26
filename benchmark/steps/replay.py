"""An attack's own questions, asked again of a process that knows nothing: was the attacker told the truth?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from attacks.testimony.transcript import SLOTS, Answer, Transcript
from benchmark.core.noise import Noise
from benchmark.verdicts.docket import Questions

AGREEMENT = 1e-3
"""How far an answer may differ from the one given to the attacker, in units of the logits' typical size: above what a
search on a folded copy and other batches change, far below what could mislead a search."""

STEP = 0.02
"""Length of the finite difference's step, in L2 over the image; pixels move by less than a thousandth."""

VISIBLE = 1e-3
"""A promised difference below this share of the objective (at least 1) drowns in float32 rounding."""

OFF = 0.5
"""Relative error beyond which a slope is another's; curvature along the step explains less."""

VERSIONS = SLOTS + 2
"""Each kept question as it was, and the first of an image a step up and a step down its gradient."""

_UP, _DOWN = SLOTS, SLOTS + 1


@dataclass
class Replay:
    """The sampled questions of one attack, and what fresh processes answer.

    Args:
        transcripts: What the attack asked, batch by batch.
    """

    transcripts: Sequence[Transcript]
    told: list[Tensor] = field(default_factory=list)
    again: list[Tensor] = field(default_factory=list)
    _slopes: dict[int, dict[int, Tensor]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._kept = [{a.image: a for t in self.transcripts for a in t.answers(slot)} for slot in range(SLOTS)]

    def asked(self, version: int, images: Sequence[int]) -> Iterator[tuple[Questions, list[Answer]]]:
        """The questions of a version about some images, those with one random stream together."""
        found = [a for image in images if (a := self._question(version, image)) is not None]
        groups: dict[tuple[Any, ...], list[Answer]] = {}
        for answer in found:
            groups.setdefault((answer.noise.key, answer.noise.step, answer.draws), []).append(answer)
        for group in groups.values():
            first = group[0].noise
            noise = Noise(first.key, torch.cat([a.noise.lanes for a in group]), first.step)
            yield Questions(torch.stack([a.x for a in group]), noise, group[0].draws), group

    def answered(self, version: int, group: list[Answer], logits: Tensor) -> None:
        """What a fresh process said: [len(group), K]."""
        if version < SLOTS:
            self.compare(torch.stack([a.logits for a in group]), logits)
        for answer, row in zip(group, logits, strict=True):
            self._slopes.setdefault(answer.image, {})[version] = row

    def compare(self, told: Tensor, again: Tensor) -> None:
        """Two answers [N, K] to the same questions, which ought to agree."""
        self.told.append(told)
        self.again.append(again)

    def summary(self) -> dict[str, Any]:
        """How many answers were compared, how many differ, and by how much; the same of slopes; JSON.

        Differences are in units of the logits' typical size; what is added to all classes alike plays no part. The
        error of a slope is the median of |promised − found| / |promised|.
        """
        told, again = (torch.cat(answers).double() for answers in (self.told, self.again))
        told, again = (answers - answers.mean(1, keepdim=True) for answers in (told, again))
        # Many questions lie on the decision boundary, where the logits are as small as their rounding.
        size = told.norm(dim=1).quantile(0.75).clamp_min(1e-12)
        difference = (told - again).norm(dim=1) / size
        errors = [error for image in sorted(self._slopes) if (error := self._slope_error(image)) is not None]
        return {
            "asked": len(difference),
            "differ": int((difference > AGREEMENT).sum()),
            "worst": float(difference.max()),
            "slopes": len(errors),
            "slopes_off": sum(error > OFF for error in errors),
            "slope_error": float(torch.tensor(errors).median()) if errors else None,
        }

    def _question(self, version: int, image: int) -> Answer | None:
        answer = self._kept[0 if version >= SLOTS else version].get(image)
        if answer is None or version < SLOTS:
            return answer
        if answer.claim is None:
            return None
        return replace(answer, x=answer.x + (STEP if version == _UP else -STEP) * _direction(answer))

    def _slope_error(self, image: int) -> float | None:
        """|promised − found| / |promised| along the gradient; None where float32 could not show the difference."""
        answer, found = self._kept[0].get(image), self._slopes[image]
        if answer is None or answer.claim is None or not {_UP, _DOWN} <= set(found):
            return None
        objective, aim = answer.claim.objective, answer.claim.aim
        up, down = (float(objective(found[version][None], None, aim)) for version in (_UP, _DOWN))
        promised = 2 * STEP * float((answer.claim.gradient * _direction(answer)).sum())
        if promised < VISIBLE * max(1.0, abs(up), abs(down)):
            return None
        return abs(up - down - promised) / promised


def _direction(answer: Answer) -> Tensor:
    """The gradient's direction at unit length, 0 for pixels that a step would carry out of [0, 1]."""
    assert answer.claim is not None
    unit = answer.claim.gradient / answer.claim.gradient.norm().clamp_min(1e-12)
    reach = STEP * unit.abs()
    return unit * ((answer.x - reach >= 0) & (answer.x + reach <= 1))
