"""A defense is attacked through every surrogate that it offers, and the worst counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmark.core.discovery import load_plugins
from benchmark.planning.plan import Selection
from benchmark.run import RunRequest, execute, prepare
from leaderboard.publish import publish

NAMED = """
[robustness.attack.identity]
method = "pgd"
steps = 3
gradient = { name = "bpda", surrogate = "identity" }
[robustness.attack.soft]
method = "pgd"
steps = 3
gradient = { name = "bpda", surrogate = "differentiable JPEG" }
"""
SELECTION = Selection(defenses=("jpeg",), attacks=("pgd", "identity", "soft"))


def test_what_one_surrogate_breaks_counts_and_the_passes_add_up(
    suite_file: Callable[..., Path], tmp_path: Path
) -> None:
    suite = suite_file(NAMED, **{'epsilon = "8/255"\nprobes = 4': 'epsilon = "5/255"\nprobes = 0'})
    execute(prepare(RunRequest(str(suite), out=tmp_path / "run", selection=SELECTION)), publish)
    samples = pd.read_parquet(tmp_path / "run" / "samples.parquet").query(
        "table == 'robustness' and clean_prediction == label"
    )
    by = {name: rows.set_index("sample_id") for name, rows in samples.groupby("attack")}
    each, identity, soft = by["pgd"], by["identity"], by["soft"]
    assert (each["robust"] == (identity["robust"] & soft["robust"])).all()
    assert identity["robust"].sum() > each["robust"].sum()
    again = identity["robust"]
    fallen = again & ~each["robust"]
    # A run of 3 steps looks at 4 images, and the second run counts on.
    assert (each["broken_at"][fallen] == soft["broken_at"][fallen] + 4).all()
    assert (each["forwards"] == identity["forwards"] + soft["forwards"].where(again, 0)).all()
    assert (each["backwards"] == identity["backwards"] + soft["backwards"].where(again, 0)).all()


ROUNDING = """
from defenses.base import DefendedModel, Defense


class Rounding(Defense):
    name = "rounding-{label}"
    source = "a test"
    purifier = True
    differentiable = False

    def defend(self, classifier):
        rounded = lambda x, noise: (x.detach() * 31).round() / 31
        return DefendedModel(classifier, purify=rounded, {offer})
"""


def test_an_author_cannot_keep_the_identity_from_the_attacks(
    suite_file: Callable[..., Path], tmp_path: Path, registry: None
) -> None:
    """Neither by a single surrogate that leads astray nor by one under the identity's name."""
    offers = {
        "plain": "",
        "astray": "surrogate=lambda x: -x",
        "posing": 'surrogates={"identity": lambda x: -x}',
        "undeclared": 'surrogates={"astray": lambda x: -x}',
    }
    files = []
    for label, offer in offers.items():
        files.append(tmp_path / f"rounding_{label}.py")
        files[-1].write_text(ROUNDING.format(label=label, offer=offer), encoding="utf-8")
    load_plugins(tuple(map(str, files)))
    suite = suite_file("".join(f"[defense.rounding-{label}]\n" for label in offers))
    selection = Selection(defenses=("rounding-*",), attacks=("pgd",))
    execute(prepare(RunRequest(str(suite), out=tmp_path / "run", selection=selection)), publish)
    samples = pd.read_parquet(tmp_path / "run" / "samples.parquet").query("table == 'robustness' and attack == 'pgd'")
    robust = {name: set(rows[rows["robust"]]["sample_id"]) for name, rows in samples.groupby("defense")}
    assert len(robust) == len(offers)
    assert len(robust["rounding-plain"]) < 20
    assert all(standing <= robust["rounding-plain"] for standing in robust.values())


def test_the_threat_model_names_every_surrogate_and_the_estimate_pays_for_each(
    suite_file: Callable[..., Path],
) -> None:
    plan = prepare(RunRequest(str(suite_file(NAMED)), selection=SELECTION)).plan
    cells = {cell.attack: cell for cell in plan.cells if cell.table == "robustness"}
    budgets = {name: cell.threat.budget for name, cell in cells.items() if cell.threat}
    assert budgets["pgd"].endswith("gradient by BPDA through each of: identity, differentiable JPEG")
    assert budgets["soft"].endswith("gradient by BPDA through differentiable JPEG")
    passes = {name: cell.step.passes() for name, cell in cells.items() if cell.step}
    assert passes["pgd"].forwards == passes["identity"].forwards + passes["soft"].forwards
