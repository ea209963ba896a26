"""A dishonest attack makes no defense look better than it is, and none look worse."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacks.base import Attack
from benchmark.core.threat import Access, Epsilon
from tests.corner.catalogue import ATTACKS
from tests.corner.conftest import FINE_TUNED
from tests.corner.harness import ATTACKS as OTHERS
from tests.corner.harness import PROBES, run
from tests.corner.rows import row_of
from tests.corner.test_defenses import TOLERANCE

EPSILON = Epsilon.parse(str(PROBES["epsilon"])).value


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.name)
def test_an_undefended_network_that_only_cheats_attack_does_not_rank(attack: type[Attack], folder: Path) -> None:
    # A gradient attack is joined by a query attack that asks nothing, and the other way round.
    gradient = attack.name if attack.access is Access.GRADIENT else "no-effort"
    queries = "asks-nothing" if attack.access is Access.GRADIENT else attack.name
    cheats = {
        "cheat": {"method": gradient},
        "cheat-margin": {"method": gradient, "objective": "margin"},
        "cheat-queries": {"method": queries},
    }
    finished = run(folder, defense={"none": {}}, robustness={**PROBES, "attack": cheats})
    row = row_of(finished, "none")
    assert not (row.status.startswith("ranked") and row.worst and row.worst.value > TOLERANCE), row.remarks


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: a.name)
def test_what_it_claims_breaks_no_image(attack: type[Attack], folder: Path) -> None:
    attacks = {"cheat": {"method": attack.name}, "square": OTHERS["square"]}
    tables = {**PROBES, "attack": attacks, "probes": 0, "diagnoses": 0}
    finished = run(folder, defense={FINE_TUNED: {}}, robustness=tables)
    honest = row_of(finished, FINE_TUNED)
    square = next(a for a in honest.attacks if a.attack == "square")
    assert square.robust is not None
    assert square.robust.value > 0.4, "an attack changed what another found"
    samples = finished.samples.get((FINE_TUNED, "cheat", "none"))
    if samples is not None:
        assert bool((samples["linf"] <= EPSILON + 1e-6).all())
        untouched = samples[samples["linf"] == 0]
        assert untouched["robust"].tolist() == untouched["clean_right"].tolist()
