"""Numbers that tell a trained energy from one that is not to be trusted."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Convergence:
    """How training ended (Nijkamp et al. 2020, section 4 and appendix D), measured on its last iterations.

    Attributes:
        gap_mean: Mean of d = (F(data) − F(chains)) / T; 0 where chains and data are in balance.
        gap_deviation: Standard deviation of d; a gap far from 0 in its units is a drift, not a balance.
        gap_autocorrelation: Correlation of d with itself one iteration later. Clearly negative: the network chases
            its chains back and forth, and long chains saturate.
        drift_ratio: Mean length of (ε² / 2T) ∇F over ε √D, that of the noise; √(s / 2) in a well of stiffness s, so
            above 1 the chain is past its stability limit. Convergent nets have 0.05 to 0.5.
        outside: Share of the bank's pixels beyond ±1.1 where images lie in ±1; near 0 unless chains saturate.
    """

    gap_mean: float
    gap_deviation: float
    gap_autocorrelation: float
    drift_ratio: float
    outside: float

    @classmethod
    def measure(cls, gaps: Tensor, drift_ratios: Tensor, states: Tensor) -> Convergence:
        """From the gaps [n] and drift ratios [m] of the last iterations and the chains' present states."""
        gap = gaps.double().cpu().numpy()
        centred = gap - gap.mean()
        power = float((centred**2).mean())
        together = float((centred[1:] * centred[:-1]).mean()) if len(gap) > 1 else 0.0
        return cls(
            gap_mean=float(gap.mean()),
            gap_deviation=float(np.sqrt(power)),
            gap_autocorrelation=together / power if power > 0 else 0.0,
            drift_ratio=float(drift_ratios.double().mean()),
            outside=float((states.abs() > 1.1).double().mean()),
        )

    def to_tensor(self) -> Tensor:
        """The numbers in order, to be saved beside the weights."""
        return torch.tensor(astuple(self), dtype=torch.float64)

    @classmethod
    def from_tensor(cls, values: Tensor) -> Convergence:
        """What `to_tensor` saved."""
        return cls(*values.tolist())
