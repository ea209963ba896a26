"""A sample of what an attack asked and was told, so that a process that knows nothing can be asked the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from benchmark.core.noise import Noise

SLOTS = 2
"""Questions kept for each image."""


@dataclass(frozen=True)
class Claim:
    """The slope that a gradient promised.

    Attributes:
        gradient: Of the objective at the image: [C, H, W].
        objective: What was differentiated; a function of the logits alone.
        aim: What the objective was told to go after: one row.
    """

    gradient: Tensor
    objective: Objective
    aim: Aim


@dataclass(frozen=True)
class Question:
    """What an attack asks of a batch, row by row.

    Attributes:
        x: [N, C, H, W].
        noise: One row per image.
        draws: Single draws that are averaged; None for the deployed decision with all its votes.
    """

    x: Tensor
    noise: Noise
    draws: int | None = None


@dataclass(frozen=True)
class Answer:
    """One question about one image, and what the model said.

    Attributes:
        image: Number of the image among those attacked.
        x: [C, H, W].
        noise: The random numbers it was asked with: one row.
        draws: As in `Question`.
        logits: [K].
        claim: The gradient that came with it; None where there was none, or none that claims to be true.
    """

    image: int
    x: Tensor
    noise: Noise
    draws: int | None
    logits: Tensor
    claim: Claim | None


class Transcript:
    """Keeps `SLOTS` questions of each image, each equally likely to be any that was asked.

    Which ones is a function of their number alone, so that an image's are the same in every batch.

    Args:
        images: Numbers of a batch's images among all that are attacked.
        kept: Which of them to follow: bool [B].
    """

    def __init__(self, images: list[int], kept: Tensor) -> None:
        self._images = images
        self._kept = kept
        self._asked = [0] * len(images)
        self._answers: dict[tuple[int, int], Answer] = {}

    def note(self, rows: Tensor, question: Question, logits: Tensor, claim: Claim | None) -> None:
        """The model said `logits` [N, K] and promised `claim`; row i is about the batch's image `rows[i]`."""
        seen: set[int] = set()
        for position in self._kept[rows].nonzero().flatten().tolist():
            row = int(rows[position])
            # Of several questions about an image in one batch the first stands for all.
            if row in seen:
                continue
            seen.add(row)
            number = self._asked[row]
            self._asked[row] += 1
            for slot in range(SLOTS):
                if _taken(slot, number):
                    self._answers[row, slot] = _answer(self._images[row], position, question, logits, claim)

    def answers(self, slot: int) -> list[Answer]:
        """What is kept in a slot, in the order of the images."""
        return [self._answers[key] for key in sorted(self._answers) if key[1] == slot]


@cache
def _taken(slot: int, number: int) -> bool:
    """Reservoir sampling: question `number` replaces the one before with probability 1 / (number + 1)."""
    digest = hashlib.blake2b(f"{slot}/{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") * (number + 1) < 2**64


def _answer(image: int, position: int, question: Question, logits: Tensor, claim: Claim | None) -> Answer:
    def kept(values: Tensor) -> Tensor:
        return values[position].detach().cpu().clone()

    one = torch.tensor([position], device=logits.device)
    noise = question.noise[one]
    if claim is not None:
        aim = claim.aim[one]
        targets = None if aim.targets is None else aim.targets.cpu()
        claim = Claim(kept(claim.gradient).float(), claim.objective, Aim(aim.labels.cpu(), targets))
    lanes = replace(noise, lanes=noise.lanes.cpu())
    return Answer(image, kept(question.x), lanes, question.draws, kept(logits).float(), claim)
