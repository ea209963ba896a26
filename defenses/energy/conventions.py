"""The three ways in which papers write a Langevin step, converted into each other."""

from __future__ import annotations

from enum import Enum


class Convention(Enum):
    """What a paper multiplies ∇E by, E being its energy, ε the standard deviation of its noise and T its temperature.

    Attributes:
        TEMPERATURE: x − (ε² / 2T) ∇E + ε z (Hill et al. 2022; Du et al. 2026), which is this project's.
        UNIT: x − ∇E + ε z (Nijkamp et al. 2020; Grathwohl et al. 2020; Hill et al. 2021).
        TEXTBOOK: x − (ε² / 2) ∇E + ε z (eq. 14 of Du's convergent-EBM study).
    """

    TEMPERATURE = "temperature"
    UNIT = "unit"
    TEXTBOOK = "textbook"


def energy_factor(of: Convention, to: Convention, *, epsilon: float, temperature: float) -> float:
    """What an energy of the convention `of` is multiplied by, so that `to` makes the same steps of it.

    ε means the same in all three and is kept. An energy of UNIT at ε is one of TEMPERATURE at T = ε² / 2 as it is,
    and one of TEXTBOOK when multiplied by 2 / ε²; without that factor a chain is a pure random walk.

    Args:
        of, to: Conventions.
        epsilon: ε > 0.
        temperature: T > 0, wherever one of the two is TEMPERATURE.
    """
    return _rate(of, epsilon, temperature) / _rate(to, epsilon, temperature)


def _rate(convention: Convention, epsilon: float, temperature: float) -> float:
    half = epsilon * epsilon / 2
    return {Convention.TEMPERATURE: half / temperature, Convention.UNIT: 1.0, Convention.TEXTBOOK: half}[convention]
