"""What comes of an attack on a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


class AttackError(RuntimeError):
    """An attack broke its contract; its cell becomes an error and its images are never counted as robust."""


@dataclass(frozen=True)
class Attempt:
    """What `run` hands back.

    Attributes:
        x: The images to submit: [B, C, H, W].
        broken_at: The step of the first verified success, −1 for none: int64 [B]; None where `run` did not look.
    """

    x: Tensor
    broken_at: Tensor | None = None


@dataclass(frozen=True)
class Outcome:
    """What an attack did to a batch, checked by the base class.

    Attributes:
        adversarial: Images [B, C, H, W] within the bound and in [0, 1].
        success: Whether the attack reached its aim: bool [B]. Of a randomized model a break that was verified at some
            step counts, and so does a wrong verdict on what was submitted.
        verified: Whether the harness confirmed a break of a randomized model with fresh draws: bool [B].
        logits: The defended model's fresh decision on `adversarial`: [B, K].
        broken_at: Step of the first success that the attack tells of and the harness saw, −1 for none: int64 [B].
        forwards, backwards: Passes spent on each image: int64 [B].
    """

    adversarial: Tensor
    success: Tensor
    verified: Tensor
    logits: Tensor
    broken_at: Tensor
    forwards: Tensor
    backwards: Tensor

    def amend(self, rows: Tensor, later: Outcome, taken: Tensor | None = None) -> None:
        """Put the outcome of a second attack on some images in the place of the first; passes add up.

        Args:
            rows: The images attacked again.
            later: What came of it.
            taken: For which of `rows` it counts, bool; for all by default.
        """
        taken = torch.ones_like(later.success) if taken is None else taken
        for name in ("adversarial", "success", "verified", "logits", "broken_at"):
            getattr(self, name)[rows[taken]] = getattr(later, name)[taken]
        for name in ("forwards", "backwards"):
            getattr(self, name)[rows] += getattr(later, name)

    @staticmethod
    def concatenate(parts: list[Outcome]) -> Outcome:
        """One outcome for successive batches, on the CPU."""
        return Outcome(*(torch.cat([getattr(p, f).cpu() for p in parts]) for f in Outcome.__dataclass_fields__))
