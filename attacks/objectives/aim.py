"""What an attack is after: any wrong class, or one chosen class."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Aim:
    """The labels to get away from, and the classes to arrive at where the attack is targeted.

    Attributes:
        labels: True classes, int64 [B].
        targets: Wanted classes, int64 [B], or None for an untargeted attack.
        sample_ids: The images' numbers, int64 [B], for objectives that keep something per image (a guide); None where
            nothing does.
    """

    labels: Tensor
    targets: Tensor | None = None
    sample_ids: Tensor | None = None

    def reached(self, logits: Tensor) -> Tensor:
        """Which rows of `logits` [B, K] are a success: bool [B]. NaN logits are never one."""
        decided = logits.argmax(1)
        wrong = decided != self.labels if self.targets is None else decided == self.targets
        return wrong & logits.isfinite().all(1)

    def margin(self, logits: Tensor) -> Tensor:
        """Distance to success in logits: positive exactly where the aim is reached. [B, K] → [B]."""
        anchor = self.labels if self.targets is None else self.targets
        own = logits.gather(1, anchor[:, None]).squeeze(1)
        others = logits.scatter(1, anchor[:, None], float("-inf")).amax(1)
        return others - own if self.targets is None else own - others

    def __getitem__(self, rows: Tensor | slice) -> Aim:
        targets = None if self.targets is None else self.targets[rows]
        sample_ids = None if self.sample_ids is None else self.sample_ids[rows]
        return Aim(self.labels[rows], targets, sample_ids)


def other_class(labels: Tensor, logits: Tensor) -> Tensor:
    """The target of a targeted attack: the likeliest wrong class; for two classes, the other one. int64 [B]."""
    return logits.scatter(1, labels[:, None], float("-inf")).argmax(1)
