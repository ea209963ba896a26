"""What completes a row that lacks attacks, as tables of a suite that can be pasted."""

from __future__ import annotations

import json
from itertools import count

from benchmark.evaluation.completing import completing
from benchmark.records.attack_facts import AttackFacts
from benchmark.records.run_record import RunRecord


def completion(run: RunRecord, defense: str) -> str:
    """TOML tables to add at the end of the suite, one for each attack that the row lacks.

    Empty where it lacks none, or where no attack of the project serves it at the row's perturbation.

    Args:
        run: The record.
        defense: The row's label.
    """
    attacks = [c.facts for c in run.of("robustness") if c.defense == defense and c.facts is not None]
    if not attacks:
        return ""
    like = _attacked(attacks)
    taken = {cell.attack for cell in run.of("robustness")}
    tables = []
    row = run.defenses[defense]
    for missing in row.missing:
        if settings := completing(missing, like.norm, randomized=row.traits.randomized):
            label = _free(str(settings.get("objective", settings["method"])), taken)
            taken.add(label)
            allowed = {"norm": str(like.norm), "epsilon": like.epsilon.text, "defenses": [defense]}
            # Texts and lists of texts are written in TOML as in JSON.
            lines = [
                f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in {**settings, **allowed}.items()
            ]
            tables.append("\n".join([f"[robustness.attack.{label}]", *lines]))
    return "\n".join(tables)


def _free(name: str, taken: set[str]) -> str:
    """`name`, or the first number after it that is no attack's label."""
    labels = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(label for label in labels if label not in taken)


def _attacked(attacks: list[AttackFacts]) -> AttackFacts:
    """One of the attacks on the set of images on which the row lacks least."""
    groups: dict[tuple[str, float], list[AttackFacts]] = {}
    for attack in attacks:
        groups.setdefault(attack.effort.allowed_set, []).append(attack)
    return max(groups.values(), key=lambda group: len({need for attack in group for need in attack.effort.met}))[0]
