"""Chains much longer than those of a purification, from the data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields

import torch
from torch import Tensor

from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from defenses.energy.langevin import ChainDivergedError, Energy, langevin_chain

MULTIPLES = (1, 10, 100)
"""Lengths of the chains, in units of the shortest."""
SHOWN = 8
"""Images that are kept to be looked at."""
_STRETCH = 1000
"""Steps between two looks at whether a chain has diverged."""


@dataclass(frozen=True)
class LongRun:
    """Pixels of images, or of what chains from them have become, on the scale [−1, 1].

    Attributes:
        steps: Langevin steps from the images.
        mean, deviation: Of the pixels; NaN where a chain diverged.
        outside: Share of the pixels beyond ±1.1; 1 where a chain diverged.
    """

    steps: int
    mean: float
    deviation: float
    outside: float

    @property
    def diverged(self) -> bool:
        """Whether a chain is nowhere any more."""
        return math.isnan(self.mean)

    @classmethod
    def measure(cls, steps: int, states: Tensor) -> LongRun:
        """Of states [n, C, H, W]."""
        return cls(steps, float(states.mean()), float(states.std()), float((states.abs() > 1.1).double().mean()))

    @classmethod
    def nowhere(cls, steps: int) -> LongRun:
        """Of a chain that diverged."""
        return cls(steps, math.nan, math.nan, 1.0)

    @staticmethod
    def to_tensor(runs: tuple[LongRun, ...]) -> Tensor:
        """The numbers [runs, 4], to be saved beside the weights."""
        return torch.tensor([astuple(run) for run in runs], dtype=torch.float64).reshape(-1, len(fields(LongRun)))

    @staticmethod
    def from_tensor(values: Tensor) -> tuple[LongRun, ...]:
        """What `to_tensor` saved."""
        return tuple(LongRun(int(steps), *numbers) for steps, *numbers in values.tolist())


def long_runs(
    energy: Energy,
    train: LabeledImages,
    *,
    images: int,
    steps: int,
    step: float,
    temperature: float,
    seed: int,
    device: torch.device,
    report: Callable[[float], None],
) -> tuple[tuple[LongRun, ...], Tensor]:
    """Chains from training images, looked at before the first step and after each of `MULTIPLES` × `steps` of them.

    Args:
        energy, step, temperature: As in `langevin_chain`.
        train: The images, of which `images` are taken at even distances.
        images, steps: At least 1.
        seed: Of the noise.
        device: Where the energy is.
        report: Called with the share that is done.

    Returns:
        The numbers of each look; and the first `SHOWN` images at each, uint8 [looks, n, C, H, W]. Once one has
        diverged there are no further images, and black ones stand in their place.
    """
    rows = torch.linspace(0, len(train) - 1, min(images, len(train))).long()
    states = train.floats(rows, device=device) * 2 - 1
    noise = Noise.of(seed, rows, device=device).stream("long-run")
    looks, shown, done, last = [LongRun.measure(0, states)], [_as_bytes(states)], 0, MULTIPLES[-1] * steps
    for multiple in MULTIPLES:
        try:
            while done < multiple * steps:
                stretch = min(_STRETCH, multiple * steps - done)
                states = langevin_chain(
                    energy, states, noise, steps=stretch, step=step, temperature=temperature, first=done
                )
                done += stretch
                report(done / last)
        except ChainDivergedError:
            looks.append(LongRun.nowhere(multiple * steps))
            shown.append(torch.zeros_like(shown[0]))
            continue
        looks.append(LongRun.measure(multiple * steps, states))
        shown.append(_as_bytes(states))
    return tuple(looks), torch.stack(shown)


def _as_bytes(states: Tensor) -> Tensor:
    pixels: Tensor = ((states[:SHOWN] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().contiguous()
    return pixels
