"""How visible attacks are, as text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmark.evaluation.intervals import Estimate
from leaderboard.visibility.schema import Visible


def visibility_table(lines: Sequence[Visible]) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): a line per defense and attack that can be read; L∞ in 1/255."""
    headers = ["Defense", "Attack", "Changed", "L∞ · 255", "L2", "PSNR (dB)", "SSIM"]
    cells = [
        [
            line.defense,
            line.attack,
            f"{line.changed} of {line.attacked}",
            _shown(line.linf, 2, scale=255),
            _shown(line.l2, 2),
            _shown(line.psnr, 1),
            _shown(line.ssim, 3),
        ]
        for line in lines
        if not line.reason
    ]
    return headers, cells


def _shown(mean: Estimate | None, digits: int, *, scale: float = 1) -> str:
    if mean is None:
        return "–"
    value, low, high = (f"{scale * n:.{digits}f}" for n in (mean.value, mean.interval.low, mean.interval.high))
    return f"{value} [{low}, {high}]" if math.isfinite(mean.interval.high) else value
