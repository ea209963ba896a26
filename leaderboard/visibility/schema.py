"""What a line of the table of visibility holds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.evaluation.intervals import Estimate


@dataclass(frozen=True)
class Visible:
    """How far the images that an attack submitted lie from the clean ones, before any rounding.

    Attributes:
        defense, attack: Labels.
        attacked: Images that were attacked.
        changed: Those of them that were submitted with another pixel. The others have an infinite PSNR, and no mean is
            taken over them.
        linf, l2: Mean norms of the change on [0, 1] pixels; None where no image was changed, as for all means.
        psnr: Mean peak signal-to-noise ratio in dB.
        ssim: Mean structural similarity; None where the images are too small for it, too.
        reason: Why there is nothing; empty where there is.
    """

    defense: str
    attack: str
    attacked: int = 0
    changed: int = 0
    linf: Estimate | None = None
    l2: Estimate | None = None
    psnr: Estimate | None = None
    ssim: Estimate | None = None
    reason: str = ""
