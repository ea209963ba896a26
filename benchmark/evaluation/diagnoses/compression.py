"""How much closer to each other images come in a purifier: what is left of it where its draws are known."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmark.core.frozen import frozen
from benchmark.evaluation.flags.probe import Probe
from benchmark.evaluation.intervals import mean_of


def compression(probe: Probe) -> dict[str, Any]:
    """The compression rate: the distance of two images after purification by that before it, both with the same draws.

    Robustness that stays when the draws are known goes with it (Yuezhang and Wei 2025, How do diffusion models improve
    adversarial robustness?, arXiv 2505.22839). It needs no gradient, so none can mislead it. A rate below 1 beside a
    clean image and about 1 between images is a purifier that takes perturbations away and leaves the image.

    Args:
        probe: The model, whose `votes` are how many draws each pair is looked at with, and its images.

    Returns:
        n: Images that were moved at random within the bound. draws: Draws of each. Distances are L2.
        beside, beside_low, beside_high: Mean rate of the clean image and the moved one, with its 95 % t-interval.
        between, between_low, between_high: The same of pairs of different images, none of which is in two pairs.
        With fewer than two images, or two pairs, there is no interval and what needs it is left out.
    """
    every = torch.arange(len(probe), device=probe.images.device)
    second = every[1::2]
    first = every[::2][: len(second)]
    return {
        "n": len(probe),
        "draws": probe.model.votes,
        **_mean("beside", _rates(probe, every, probe.random_start())),
        **_mean("between", _rates(probe, first, probe.images[second])),
    }


def _rates(probe: Probe, rows: Tensor, others: Tensor) -> Tensor:
    """The rate of each of the images `rows` and the one of `others` beside it, over its draws: [len(rows)]."""
    images, noise, draws = probe.images[rows], probe.noise[rows].stream("compression"), probe.model.votes

    def some(part: slice) -> Tensor:
        drawn = noise[part].repeat(draws)
        pair = [x[part].repeat_interleave(draws, 0) for x in (images, others)]
        near, far = (probe.model.purify(x, drawn) for x in pair)
        after = (far - near).flatten(1).norm(dim=1).unflatten(0, (-1, draws)).mean(1)
        return after / (others[part] - images[part]).flatten(1).norm(dim=1)

    if not len(rows):
        return images.new_zeros(0)
    with frozen(probe.model), torch.no_grad():
        return torch.cat(probe.batch_size.map(len(rows), some))


def _mean(name: str, rates: Tensor) -> dict[str, float]:
    """Mean and interval of the rates, those of images that do not differ left out; empty for fewer than two."""
    known = rates[rates.isfinite()]
    if len(known) < 2:
        return {}
    found = mean_of(known.double().cpu().numpy(), least=0.0)
    return {name: found.value, f"{name}_low": found.interval.low, f"{name}_high": found.interval.high}
