"""What a network's outputs are: logits, or probabilities to be turned back into logits; all of them, or one head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError, did_you_mean

Outputs = Literal["logits", "sigmoid", "softmax"]

HEAD_NAMES = ("pathologies", "targets")
"""Attributes in which multi-label networks list what their outputs are about; torchxrayvision's have both."""


@dataclass(frozen=True)
class Reading:
    """How a network's outputs become logits.

    Attributes:
        outputs: What they are as they come. Of a sigmoid's p the log-odds log(p / (1 − p)) are taken, of a softmax's
            log p, both in float64 from p cut to what single precision tells from 0 and 1. Where p has reached 0 or 1
            the gradient is zero: taking the last layer off is better.
        head: The one output that is the log-odds of class 1, or its probability; None for all of them.
    """

    outputs: Outputs = "logits"
    head: int | None = None

    def __call__(self, output: Tensor, *, where: str) -> Tensor:
        """[B, K] or [B], as the network gives them → logits [B, K] or [B]; raises UserError where there is no head."""
        if self.head is not None:
            if output.dim() != 2 or output.shape[1] <= self.head:
                raise UserError(
                    f"head = {self.head}, and the network gave outputs of shape {tuple(output.shape)}",
                    where=where,
                    remedy="count heads from 0, or leave head out where the network has one output",
                )
            output = output[:, self.head]
        if self.outputs == "logits":
            return output
        single = torch.finfo(torch.float32)
        p = output.double().clamp(single.tiny, 1 - single.eps / 4)
        logits = p.log() if self.outputs == "softmax" and self.head is None else p.logit()
        return logits.to(output.dtype)

    def contradiction(self, output: Tensor) -> str:
        """Why these outputs, as the network gave them, are not what they are said to be; empty where they may be."""
        output = output.detach()
        low, high = output.min().item(), output.max().item()
        if self.outputs == "logits":
            probabilities = gives_probabilities(output) if self.head is None else low >= 0 and high <= 1
            return "the network gives probabilities, not logits" if probabilities else ""
        if low < 0 or high > 1:
            return f"outputs = {self.outputs!r}, and the network gave {low:.3g} to {high:.3g}"
        if self.outputs == "softmax" and (output.dim() != 2 or bool(((output.sum(1) - 1).abs() > 1e-3).any())):
            return "outputs = 'softmax', and what the network gave does not sum to 1"
        return ""


def head_number(network: nn.Module, head: int | str | None, *, where: str) -> int | None:
    """The number of a head that is given by number or by the name in the network's own list.

    Raises:
        UserError: The network lists no names, or not this one.
    """
    if head is None or isinstance(head, int):
        return head
    names = next((list(map(str, n)) for key in HEAD_NAMES if (n := getattr(network, key, None)) is not None), None)
    if names is None:
        raise UserError(
            f"head = {head!r}, and the network does not list the names of its outputs",
            where=where,
            remedy=f"give the head's number from 0, or let the network list names as {' or '.join(HEAD_NAMES)}",
        )
    if names.count(head) != 1:
        raise UserError(
            f"the network has {names.count(head)} outputs called {head!r}",
            where=where,
            remedy=did_you_mean(head, [name for name in names if name]),
        )
    return names.index(head)


def gives_probabilities(outputs: Tensor) -> bool:
    """Whether a network's raw outputs, [N, K] or [N, 1], look like a softmax's or a sigmoid's rather than logits.

    One output counts as a sigmoid's when all lie in [0, 1] and spread over more than half of it.
    """
    outputs = outputs.detach().flatten(1) if outputs.dim() > 1 else outputs.detach()[:, None]
    low, high = outputs.min().item(), outputs.max().item()
    if low < 0 or high > 1:
        return False
    if outputs.shape[1] == 1:
        return high - low > 0.5
    return bool(((outputs.sum(1) - 1).abs() < 1e-4).all())
