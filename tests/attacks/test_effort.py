"""What attacks say that they spend, and the least that counts."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, cast

import pytest

from attacks.base import Attack
from attacks.effort import Effort
from benchmark.core.discovery import load_plugins
from benchmark.core.plugin import look_up, registered
from benchmark.core.threat import Norm

EPSILON = {Norm.LINF: 8 / 255, Norm.L2: 1.0, Norm.L1: 15.0, Norm.L0: 40.0, Norm.SPATIAL: 1.0}
CONTROLS = {"fgsm", "random-noise", "rotation-translation", "transfer", "transfer-ensemble", "uap", "deepfool"}


def ours() -> list[str]:
    load_plugins()
    return [name for name, plugin in registered("attack").items() if plugin.__module__.startswith("attacks.")]


def shortfall(name: str, norm: Norm | None = None, **settings: Any) -> str:
    attack = cast(Attack, look_up("attack", name).from_settings(settings, where="test"))
    norm = norm or next(n for n in EPSILON if n in attack.norms)
    return attack.shortfall(norm, EPSILON[norm])


@pytest.mark.parametrize("name", ours())
def test_defaults_are_a_fair_effort_but_of_controls(name: str) -> None:
    attack = cast(Attack, look_up("attack", name)())
    for norm in attack.norms:
        assert bool(attack.shortfall(norm, EPSILON[norm])) == (name in CONTROLS), norm
    assert bool(attack.control) == (name in CONTROLS)


WEAK = [
    ("pgd", {"steps": 9}, "10 steps"),
    ("pgd", {"steps": 10, "step_size": 1e-9}, "do not reach ε"),
    ("pgd", {"steps": 20, "step_size": "1/2550"}, "do not reach ε"),
    ("bim", {"steps": 1}, "10 steps"),
    ("mi-fgsm", {"step_size": 1e-9}, "do not reach ε"),
    ("cw-linf", {"step_size": 1e-9}, "do not reach ε"),
    ("apgd", {"steps": 3}, "10 steps"),
    ("fab", {"steps": 2}, "10 steps"),
    ("ddn", {"steps": 10, "radius": 1e-6}, "do not reach ε"),
    ("fmn", {"step_size": 1e-9}, "do not reach ε"),
    ("cw-l2", {"learning_rate": 1e-9}, "do not reach ε"),
    ("cw-l2", {"steps": 20, "searches": 10}, "10 steps"),
    ("ead", {"steps": 20, "searches": 10}, "10 steps"),
    ("lbfgs", {"evaluations": 1}, "10 steps"),
    ("jsma", {"theta": 1e-6}, "do not reach ε"),
    ("stadv", {"step_size": 1e-9}, "do not reach ε"),
    ("square", {"queries": 4}, "100 queries"),
    ("hopskipjump", {"queries": 1}, "100 queries"),
    ("hopskipjump", {"queries": 200}, "5 steps"),
    ("one-pixel", {"queries": 50}, "100 queries"),
    ("nes", {"pairs": 1}, "500 queries"),
    ("nes", {"step_size": 1e-9}, "do not reach ε"),
    ("nes", {"steps": 1, "pairs": 1000}, "10 steps"),
    ("standard-v1", {"queries": 10}, "square: 100 queries"),
    ("standard-v1", {"steps": 3}, "fab: 10 steps"),
    ("random-noise", {"draws": 10_000}, "no image follows"),
    ("fgsm", {}, "one step"),
]


@pytest.mark.parametrize(("name", "settings", "words"), WEAK)
def test_less_is_said_to_be_less(name: str, settings: dict[str, Any], words: str) -> None:
    assert words in shortfall(name, **settings)


def test_an_attack_that_says_nothing_is_none() -> None:
    class Silent(Attack):
        def run(self, victim: Any, x: Any, noise: Any, stop: Any) -> Any:
            return x

    assert Silent().shortfall(Norm.LINF, 0.1) == "10 steps at least, 10 gradients at least"


def test_rounding_is_no_shortfall() -> None:
    assert Effort(10, 10, reach=sum([0.1] * 10)).short_of(Effort(10, 10, reach=1.0)) == ""
    assert Effort(10, 10, reach=0.99).short_of(Effort(10, 10, reach=1.0)) == "the steps together do not reach ε"
    assert math.isinf(Effort().reach)


def test_an_effort_in_words() -> None:
    assert str(Effort(20, 20, reach=2.5)) == "20 steps, 20 gradients, a way of 2.5 ε"
    assert str(Effort(queries=1)) == "1 query"
    assert str(Effort(proxies=60)) == "60 gradients of its own classifiers"
    assert str(Effort()) == "nothing"
    assert str(Effort(3, 2, reach=1.0) + Effort(5, queries=1000)) == "5 steps, 2 gradients, 1,000 queries"


def test_the_page_has_every_attack_with_its_least_effort() -> None:
    page = (Path(__file__).parents[2] / "docs" / "attacks.md").read_text(encoding="utf-8")
    assert least_efforts() in page


def least_efforts() -> str:
    """The table of docs/attacks.md."""
    rows = ["| Attack | Least effort | By default, at the bound of suite `attacks` |", "|---|---|---|"]
    for name in ours():
        attack = cast(Attack, look_up("attack", name)())
        norm = next(n for n in EPSILON if n in attack.norms)
        least = (
            f"none: {attack.control}"
            if attack.control
            else re.sub(r"a way of 1 ε", "ε within reach", str(attack.least()))
        )
        rows.append(f"| {name} | {least} | {attack.effort(norm, EPSILON[norm])} |")
    return "\n".join(rows)
