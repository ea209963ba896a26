"""Numbers of a training that tell an energy in balance with its chains from one that chases them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

LAGS = 15
"""Iterations apart at which the gap is compared with itself (Nijkamp et al. 2020, appendix D)."""


@dataclass(frozen=True)
class Convergence:
    """How training ended (Nijkamp et al. 2020, section 4 and appendix D), measured on its last iterations.

    Attributes:
        gap_mean: Mean of d = (F(data) − F(chains)) / T; 0 where chains and data are in balance.
        gap_deviation: Standard deviation of d; a gap far from 0 in its units is a drift, not a balance.
        gap_autocorrelation: Correlation of d with itself 1, 2, … 15 iterations later. Clearly negative: the network
            chases its chains back and forth, and long chains saturate.
        drift_ratio: Mean length of (ε² / 2T) ∇F over ε √D, that of the noise; √(s / 2) in a well of stiffness s, so
            above 1 the chain is past its stability limit. Convergent nets have 0.05 to 0.5.
        outside: Share of the chains' pixels beyond ±1.1 where images lie in ±1; near 0 unless chains saturate.
        restarts: How often training diverged and went on from a checkpoint.
    """

    gap_mean: float
    gap_deviation: float
    gap_autocorrelation: tuple[float, ...]
    drift_ratio: float
    outside: float
    restarts: int

    @classmethod
    def measure(cls, gaps: Tensor, drift_ratios: Tensor, states: Tensor, restarts: int) -> Convergence:
        """From the gaps [n] and drift ratios [m] of the last iterations and the chains' present states."""
        gap = gaps.double().cpu().numpy()
        centred = gap - gap.mean()
        power = float((centred**2).mean())
        # Divided by n at every lag, so that no correlation leaves [−1, 1] and long lags of short series are small.
        together = [float((centred[lag:] * centred[:-lag]).sum()) / len(gap) for lag in range(1, LAGS + 1)]
        return cls(
            gap_mean=float(gap.mean()),
            gap_deviation=float(np.sqrt(power)),
            gap_autocorrelation=tuple(product / power if power > 0 else 0.0 for product in together),
            drift_ratio=float(drift_ratios.double().mean()),
            outside=float((states.abs() > 1.1).double().mean()),
            restarts=restarts,
        )

    def to_tensor(self) -> Tensor:
        """The numbers in order, to be saved beside the weights."""
        numbers = (self.gap_mean, self.gap_deviation, self.drift_ratio, self.outside, self.restarts)
        return torch.tensor((*numbers, *self.gap_autocorrelation), dtype=torch.float64)

    @classmethod
    def from_tensor(cls, values: Tensor) -> Convergence:
        """What `to_tensor` saved."""
        gap_mean, gap_deviation, drift_ratio, outside, restarts, *autocorrelation = values.tolist()
        return cls(gap_mean, gap_deviation, tuple(autocorrelation), drift_ratio, outside, int(restarts))
