"""Attacks run at both ends of the range of every setting that does not only make them longer."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from benchmark.core.allowed import choices, range_in_words
from benchmark.core.discovery import load_plugins
from benchmark.core.plugin import registered
from benchmark.core.settings import hints
from benchmark.core.threat import Norm
from benchmark.run import RunRequest, execute, prepare
from leaderboard.publish import publish
from tests.fuzz.mutations import written
from tests.fuzz.test_suites import QUICK
from tests.fuzz.trials import Fuzz

SHORT = {"steps": 2, "queries": 12, "searches": 2, "epochs": 1, "evaluations": 2, "angles": 2, "shifts": 2, "pairs": 2}
SHORT |= {"images": 16, "restarts": 1, "proxies": 1, "population": 4}
LONGEST = 100
"""What a whole number may be without making an attack longer than a test."""
BOUNDS = {Norm.LINF: 8 / 255, Norm.L2: 1.0, Norm.L1: 15.0, Norm.L0: 3.0, Norm.SPATIAL: 1.0}
TARGETED = ("closest-guide", "random-guide", "kde-min", "lid-min", "detector-min")
"""They are aimed at detectors, which this table has not."""


def ends(name: str, hint: Any) -> list[Any]:
    """The least and the most that a setting may be; nothing for a text or a choice."""
    words = range_in_words(hint).replace(",", "")
    numbers = [float(number) for number in re.findall(r"\d[\d.]*(?:e[+-]?\d+)?", words)]
    if int in choices(hint):
        return [int(number) for number in numbers if number <= LONGEST]
    if float not in choices(hint):
        return []
    if name == "step_size":
        numbers[1:] = []
    if "inf" in words:
        numbers.append(math.inf)
    low, *high = numbers
    return [max(low, 1e-12) if "above" in words else low, *(h * (1 - 1e-6) if "below" in words else h for h in high)]


def cases() -> list[tuple[str, dict[str, Any]]]:
    """An attack and its settings, one of them at an end of its range."""
    load_plugins()
    found = []
    for name, attack in registered("attack").items():
        known = hints(attack.__init__)
        short = {key: value for key, value in SHORT.items() if key in known}
        # Other tests register attacks of their own.
        if name not in TARGETED and attack.__module__.startswith("attacks."):
            found += [(name, {**short, key: end}) for key, hint in known.items() for end in ends(key, hint)]
    return found


def test_an_attack_runs_at_the_ends_of_every_range(fuzz: Fuzz, plugins: None, tmp_path: Path) -> None:
    head, path = QUICK[: QUICK.index("[robustness.attack.fgsm]")], tmp_path / "ends.toml"
    head = head.replace("samples = 4", "samples = 40")

    def trial(case: tuple[str, dict[str, Any]]) -> None:
        name, settings = case
        attack = registered("attack")[name]
        norm = next(norm for norm in Norm if norm in attack.norms)  # type: ignore[attr-defined]
        table = {"method": name, "norm": norm.value, "epsilon": BOUNDS[norm], **settings}
        text = "".join(f"{key} = {written(value)}\n" for key, value in table.items())
        path.write_text(f"{head}[robustness.attack.ends]\n{text}", encoding="utf-8")
        tally = execute(prepare(RunRequest(str(path), out=tmp_path / "run", force=True)), publish)
        assert tally.failed == {}, case

    assert fuzz(trial, st.sampled_from(cases()), trials=25) > 0
