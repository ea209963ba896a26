"""Energies as text."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.energies.schema import Energy, EnergyLine, Look
from leaderboard.text import percent


def energy_table(lines: Sequence[EnergyLine]) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): a line per energy that can be read."""
    headers = [
        "Defense",
        "Energy",
        "Gap d",
        "Autocorrelation of d",
        "Drift ratio",
        "Restarts",
        "Data, and after steps",
    ]
    return headers, [_cells(line.whose, line.energy) for line in lines if line.energy is not None]


def _cells(whose: str, energy: Energy) -> list[str]:
    known = [value for value in energy.gap_autocorrelation if value is not None]
    return [
        whose,
        energy.verdict,
        f"{_rounded(energy.gap_mean, 0)} ± {_rounded(energy.gap_deviation, 0)}",
        f"{known[0]:.2f}, lowest {min(known):.2f}" if known else "–",
        _rounded(energy.drift_ratio, 2),
        str(energy.restarts),
        "; ".join(_look(look) for look in energy.looks) or "–",
    ]


def _look(look: Look) -> str:
    if look.mean is None:
        return f"{look.steps}: diverged"
    spread = f"{look.mean:.2f} ± {_rounded(look.deviation, 2)}"
    return f"{look.steps}: {spread} ({percent(look.outside)} % outside)"


def _rounded(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
