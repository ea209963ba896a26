"""What a fair row needs, in the words of every table, and attacks of the project that serve it. Loads no torch."""

from __future__ import annotations

from benchmark.core.threat import Norm

MINIMUM_EOT_SAMPLES = 20
BLACK_BOX = "a black-box attack"
EXACT = "the exact gradient through purification"
LOW_FREQUENCY = "a low-frequency attack"
WHITE_BOX = "a white-box attack on"
# As `attacks.objectives.base.Need` words them, which is not to be had without torch.
_MARGIN, _CROSS_ENTROPY = f"{WHITE_BOX} the margin", f"{WHITE_BOX} cross-entropy"
_BY_GRADIENT = frozenset({Norm.LINF, Norm.L2, Norm.L1})
_BLACK_BOXES: dict[Norm, dict[str, str | int]] = {Norm.LINF: {"method": "square"}, Norm.L2: {"method": "hopskipjump"}}
"""What the project has for a need, by norm."""


def completing(missing: str, norm: Norm, *, randomized: bool) -> dict[str, str | int]:
    """Settings of an attack that serves what a row lacks; empty where the project has none for it at this norm.

    Args:
        missing: What is lacking, as `missing_attacks` words it.
        norm: Of the perturbations that the row allows.
        randomized: Whether the row's model draws random numbers.
    """
    draws: dict[str, str | int] = {"eot_samples": MINIMUM_EOT_SAMPLES} if randomized else {}
    gradient: dict[str, str | int] = {"method": "pgd"} if norm in _BY_GRADIENT else {}
    if missing.startswith(BLACK_BOX):
        return dict(_BLACK_BOXES.get(norm, {}))
    if missing.startswith(EXACT):
        return gradient and {**gradient, "gradient": "exact", **draws}
    if missing.startswith(LOW_FREQUENCY):
        return {"method": "low-frequency", **draws} if norm in (Norm.LINF, Norm.L2) else {}
    if missing.startswith(_MARGIN):
        return gradient and {**gradient, "objective": "margin", **draws}
    if missing.startswith(_CROSS_ENTROPY):
        return gradient and {**gradient, **draws}
    return {}
