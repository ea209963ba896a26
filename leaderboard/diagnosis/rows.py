"""What the number of a randomized or purifying defense must be read with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.evaluation.diagnoses.curvature import confirmed, without_curvature
from benchmark.evaluation.flags.base import FAILED
from benchmark.evaluation.intervals import Estimate, Interval, wilson
from benchmark.records.run_record import CellRecord
from benchmark.records.store import Store
from leaderboard.diagnosis.schema import Diagnosis
from leaderboard.text import with_interval

CONTRADICTED = (
    "an attack that follows values in place of gradients (gradient = 'zeroth-order', at least 10 steps): finite "
    "differences contradict the purifier's exact gradient"
)
"""What a row lacks whose exact gradient is none, as without curvature, or another's."""


def decision_rule(clean: dict[str, Any]) -> str:
    """How a randomized defense decides, from the results of its clean step; empty where it draws nothing."""
    if not clean["randomized"]:
        return ""
    rule = {"mean-logits": "mean logits", "majority-vote": "majority vote"}[clean["decision_rule"]]
    return f"{rule} over {clean['votes']} draws"


def diagnoses(defense: str, cells: Sequence[CellRecord], store: Store) -> Diagnosis | None:
    """The diagnoses of a defense from the run's cells; None where there are none."""
    cell = next((c for c in cells if (c.table, c.defense) == ("diagnosis", defense)), None)
    if cell is None:
        return None
    if cell.status != "done":
        return Diagnosis((f"no diagnosis: {cell.reason or cell.status}",), None, None, None, None)
    measured = store.record(cell.done_key).results["diagnoses"]
    lines, shares = [], {}
    for name, describe in _SENTENCES.items():
        found = measured.get(name)
        if found is None:
            continue
        if FAILED in found:
            lines.append(f"{name}: could not be measured ({found[FAILED]})")
            continue
        if "broken" in found:
            shares[name] = Estimate(found["broken"] / found["n"], wilson(found["broken"], found["n"]))
        elif "beside" in found:
            shares[name] = _rate(found, "beside")
        lines.append(describe(found, shares.get(name)))
    gradient = measured.get("curvature")
    usable = gradient is not None and FAILED not in gradient and gradient["n"] > 0
    contradicted = not confirmed(gradient) if usable else None
    return Diagnosis(
        tuple(lines), shares.get("unperturbed"), shares.get("known_draws"), shares.get("compression"), contradicted
    )


def _unperturbed(found: dict[str, Any], share: Estimate | None) -> str:
    return (
        f"zero-perturbation control: {found['broken']} of {found['n']} images ({with_interval(share)} %) break without "
        f"any perturbation when {found['looks']} looks of {found['proposing']} draws propose and {found['verifying']} "
        "draws verify"
    )


def _known_draws(found: dict[str, Any], share: Estimate | None) -> str:
    return (
        f"draws known to the attacker: {found['broken']} of {found['n']} images ({with_interval(share)} %) fall to PGD "
        f"of {found['steps']} steps on the margin with the {found['gradient']} gradient"
    )


def _compression(found: dict[str, Any], share: Estimate | None) -> str:
    if share is None:
        return "compression rate: there are too few images to tell"
    between = f", and {_in_words(_rate(found, 'between'))} of that between two images" if "between" in found else ""
    return (
        f"compression rate: purification with the same draws leaves {_in_words(share)} of the distance between an "
        f"image and one moved at random within the bound{between} ({found['n']} images, {found['draws']} draws of each)"
    )


def _rate(found: dict[str, Any], name: str) -> Estimate:
    return Estimate(found[name], Interval(found[f"{name}_low"], found[f"{name}_high"]))


def _in_words(rate: Estimate) -> str:
    return f"{rate.value:.3f} [{rate.interval.low:.3f}, {rate.interval.high:.3f}]"


def _curvature(found: dict[str, Any], share: Estimate | None) -> str:
    del share
    if not found["n"]:
        return "gradient check: no image has a gradient to check"
    facts = (
        f"{found['n']} images, medians: ‖exact − BPDA‖ / ‖BPDA‖ where not clipped = {found['curvature']:.2g}, cosine "
        f"{found['cosine']:.2f}, off the finite difference by {found['exact_error']:.1%} (exact) and "
        f"{found['bpda_error']:.1%} (BPDA)"
    )
    if confirmed(found):
        return f"gradient check: finite differences with the noise fixed confirm the exact gradient ({facts})"
    if without_curvature(found):
        return f"gradient check: ZERO CURVATURE, the exact gradient is BPDA and confirms nothing ({facts})"
    return f"gradient check: finite differences with the noise fixed contradict the exact gradient ({facts})"


_SENTENCES = {
    "unperturbed": _unperturbed,
    "known_draws": _known_draws,
    "compression": _compression,
    "curvature": _curvature,
}
