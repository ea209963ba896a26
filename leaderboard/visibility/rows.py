"""How visible each attack is, from what was measured on the images that it submitted."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from benchmark.evaluation.intervals import Estimate, mean_of
from benchmark.records.run_record import CellRecord
from leaderboard.reading import alone, checked
from leaderboard.results import Results
from leaderboard.visibility.schema import Visible

_RANGES = {"linf": (0.0, 1.0), "l2": (0.0, math.inf), "psnr": (0.0, math.inf), "ssim": (-1.0, 1.0)}
"""Between which the mean of each measure must lie, on pixels in [0, 1]."""


def visible_attacks(results: Results) -> tuple[Visible, ...]:
    """A line for every finished cell of the robustness table that has an attack; one that cannot be read says why."""
    return tuple(
        alone(
            lambda c=cell: visible(c, checked(results.samples(c.done_key), _COLUMNS)),  # type: ignore[misc]
            lambda reason, c=cell: Visible(c.defense, c.attack, reason=reason),  # type: ignore[misc]
        )
        for cell in results.run.of("robustness")
        if cell.attack != "clean" and cell.status == "done"
    )


_COLUMNS = ("group", "attacked", *_RANGES)


def visible(cell: CellRecord, samples: pd.DataFrame) -> Visible:
    """The line of one attack.

    Args:
        cell: The cell of the manifest.
        samples: Its records: `attacked`, `group` and the measures of every evaluation image.
    """
    attacked = samples[samples["attacked"]]
    changed = attacked[attacked["linf"] > 0]
    linf, l2, psnr, ssim = (_mean(changed, name) for name in _RANGES)
    return Visible(cell.defense, cell.attack, len(attacked), len(changed), linf, l2, psnr, ssim)


def _mean(changed: pd.DataFrame, name: str) -> Estimate | None:
    least, most = _RANGES[name]
    values = changed[name].to_numpy(dtype=np.float64)
    if not len(values) or np.isnan(values).any():
        return None
    return mean_of(values, changed["group"].tolist(), least=least, most=most)
