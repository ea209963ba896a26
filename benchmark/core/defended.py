"""A classifier behind a defense, with its parts in reach of an adaptive attack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError, did_you_mean
from benchmark.core.noise import Noise

Purify = Callable[[Tensor, Noise], Tensor]
Surrogate = Callable[[Tensor], Tensor]
IDENTITY = "identity"
"""The surrogate that every defense offers, whatever else it does."""

OWN = "own"
"""What a defense's only surrogate is called where it has no name."""

MINIMUM_ROWS = 8
"""Below this many rows the CPU's convolution and matrix kernels round differently; smaller batches are padded."""

CPU_ROWS = 512
"""Above this many rows a small purifier's intermediate results fall out of a CPU's cache."""


class DecisionRule(StrEnum):
    """How a randomized defense turns its votes into one answer."""

    MEAN_LOGITS = "mean-logits"
    MAJORITY_VOTE = "majority-vote"


@dataclass(frozen=True)
class Passes:
    """Forward and backward passes through a network, per image."""

    forwards: int = 0
    backwards: int = 0


class DefendedModel(nn.Module):
    """A classifier behind a defense: images in [0, 1] → logits, with its parts in reach of an adaptive attack.

    Args:
        classifier: Images [B, C, H, W] in [0, 1] → logits [B, K].
        purify: What happens to the image first: (images, noise) → images; identity by default.
        surrogate: What BPDA differentiates in place of `purify` beside the identity, where that is one function.
        surrogates: The same for several, by name; each is attacked through in turn, and so is the identity.
        exact_purify: The same images as `purify` with their true gradient, where `purify` itself carries none.
        networks: Networks that `purify` uses, so that they are frozen and moved with the model.
        purify_passes: Passes through `networks` for one image and one draw.
        votes: Copies that one decision rests on (H_def).
        randomized: Whether `purify` draws random numbers.
        decision_rule: How the votes make one answer.
        cpu_rows: Rows that `purify` is given at a time on a CPU: as many as its cache has room for.
    """

    def __init__(
        self,
        classifier: nn.Module,
        *,
        purify: Purify | None = None,
        surrogate: Surrogate | None = None,
        surrogates: Mapping[str, Surrogate] = MappingProxyType({}),
        exact_purify: Purify | None = None,
        networks: Iterable[nn.Module] = (),
        purify_passes: Passes = Passes(),
        votes: int = 1,
        randomized: bool = False,
        decision_rule: DecisionRule = DecisionRule.MEAN_LOGITS,
        cpu_rows: int = CPU_ROWS,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.networks = nn.ModuleList(networks)
        self.purify_passes = purify_passes
        self.votes = votes
        self.randomized = randomized
        self.decision_rule = decision_rule
        self.cpu_rows = cpu_rows
        self._purify = purify
        offered = {**({OWN: surrogate} if surrogate else {}), **surrogates, IDENTITY: _unchanged}
        self._surrogates = offered
        self._exact_purify = exact_purify

    def purify(self, x: Tensor, noise: Noise) -> Tensor:
        """The image as the classifier will see it: [B, C, H, W] → [B, C, H, W]."""
        if self._purify is None:
            return x
        purify = self._purify
        # A stream of its own hides from the defense at which step of which attack it is asked.
        return self._in_parts(x, noise.stream("defense"), purify)

    def exact_purify(self, x: Tensor, noise: Noise) -> Tensor:
        """`purify` with the gradient that belongs to it: [B, C, H, W] → [B, C, H, W]."""
        if self._exact_purify is None:
            return self.purify(x, noise)
        return self._in_parts(x, noise.stream("defense"), self._exact_purify)

    def _in_parts(self, x: Tensor, noise: Noise, function: Purify) -> Tensor:
        rows = self.cpu_rows if x.device.type == "cpu" else len(x)
        if len(x) <= rows:
            return _padded(x, noise, function)
        parts = (slice(first, first + rows) for first in range(0, len(x), rows))
        return torch.cat([_padded(x[part], noise[part], function) for part in parts])

    @property
    def surrogates(self) -> tuple[str, ...]:
        """The surrogates on offer by name, the identity first."""
        return (IDENTITY, *(name for name in self._surrogates if name != IDENTITY))

    def surrogate(self, x: Tensor, name: str = "") -> Tensor:
        """A differentiable stand-in for `purify` on the backward pass: by default the first that is no identity.

        Raises:
            UserError: There is none of that name.
        """
        name = name or self.surrogates[min(1, len(self.surrogates) - 1)]
        if name not in self._surrogates:
            remedy = did_you_mean(name, list(self.surrogates))
            raise UserError(f"the defense offers no surrogate {name!r}", where="DefendedModel", remedy=remedy)
        return self._surrogates[name](x)

    def classify(self, purified: Tensor) -> Tensor:
        """Logits [B, K] of images that are already purified."""
        rows = purified.shape[0]
        if rows < MINIMUM_ROWS:
            purified = torch.cat([purified, purified[-1:].expand(MINIMUM_ROWS - rows, *purified.shape[1:])])
        logits: Tensor = self.classifier(purified)
        return logits[:rows]

    def combine(self, logits: Tensor) -> Tensor:
        """Votes [B, H, K] → one decision's logits [B, K]; for a majority vote, the share of votes."""
        if self.decision_rule is DecisionRule.MEAN_LOGITS:
            return logits.mean(1)
        return nn.functional.one_hot(logits.argmax(2), logits.shape[2]).to(logits.dtype).mean(1)

    def decide(self, x: Tensor, noise: Noise) -> Tensor:
        """The defended model's answer with all its votes: [B, K]. Row i uses the random numbers of `noise` row i."""
        votes = self.votes if self.randomized else 1
        copies = self.purify(x.repeat_interleave(votes, 0), noise.repeat(votes))
        logits = self.classify(copies)
        return self.combine(logits.unflatten(0, (x.shape[0], votes)))

    @property
    def decision_passes(self) -> Passes:
        """Passes that one decision on one image costs."""
        votes = self.votes if self.randomized else 1
        return Passes(votes * (1 + self.purify_passes.forwards), votes * self.purify_passes.backwards)

    def forward(self, x: Tensor, noise: Noise) -> Tensor:
        """Same as `decide`."""
        return self.decide(x, noise)


def _unchanged(x: Tensor) -> Tensor:
    return x


def _padded(x: Tensor, noise: Noise, function: Purify) -> Tensor:
    rows = x.shape[0]
    if rows >= MINIMUM_ROWS:
        return function(x, noise)
    index = torch.arange(MINIMUM_ROWS, device=x.device).clamp(max=rows - 1)
    return function(x[index], noise[index])[:rows]
