"""What a row lacks is said as TOML: pasted below the suite, it completes the row."""

from __future__ import annotations

import textwrap
import tomllib
from pathlib import Path

import pytest

from attacks.hopskipjump import HopSkipJump
from attacks.pgd import PGD
from attacks.square import Square
from benchmark.core.discovery import load_plugins
from benchmark.core.errors import UserError
from benchmark.core.threat import Norm
from benchmark.evaluation.completing import completing
from benchmark.manifest import build_manifest
from benchmark.planning.plan import Selection
from benchmark.records.run_record import RunRecord
from benchmark.records.store import Store
from benchmark.run import RunRequest, prepare
from leaderboard.results import Results
from leaderboard.robustness.completion import completion
from leaderboard.robustness.section import Robustness

SUITE = """
name = "lacking"
[data]
name = "chest-phantom"
size = 28
count = 120
[classifier]
name = "small-cnn"
[evaluation]
samples = 8
[defense.none]
[defense.jpeg]
[defense."random, (four) votes"]
method = "ebm"
votes = 4
[robustness]
norm = "{norm}"
epsilon = "8/255"
eot_samples = 2
[robustness.attack.pgd]
steps = 3
[robustness.attack.margin]
method = "pgd"
steps = 2
objective = "margin"
[detection]
epsilon = "8/255"
[detection.attack.bim]
[detector.kd]
"""


def planned(text: str, folder: Path) -> RunRecord:
    """The record of a run that has not begun."""
    load_plugins()
    path = folder / "lacking.toml"
    path.write_text(text, encoding="utf-8")
    run = prepare(RunRequest(str(path), out=folder / "run"))
    return build_manifest(
        suite=run.suite,
        plan=run.plan,
        data=run.data,
        store=Store(run.out),
        failures={},
        status="running",
        device=run.device,
        seed=run.seed,
    )


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_what_is_pasted_completes_every_row(norm: Norm, tmp_path: Path) -> None:
    text = SUITE.format(norm=norm)
    before = planned(text, tmp_path)
    assert all(record.missing for record in before.defenses.values())
    for defense in before.defenses:
        pasted = completion(before, defense)
        assert set(tomllib.loads(pasted)["robustness"]["attack"])
        after = planned(f"{text}\n{pasted}\n", tmp_path)
        assert after.defenses[defense].missing == ()
        assert completion(after, defense) == ""
        # Nobody else pays for it.
        others = set(before.defenses) - {defense}
        assert all(after.defenses[other].missing == before.defenses[other].missing for other in others)


def test_what_is_offered_respects_the_norm() -> None:
    for norm in Norm:
        for missing, methods in (
            ("a black-box attack", (Square, HopSkipJump)),
            ("a white-box attack on the margin", (PGD,)),
        ):
            if found := completing(missing, norm, randomized=False):
                (method,) = [m for m in methods if m.name == found["method"]]
                assert norm in method.norms
    assert completing("images of class 'x', at which its attacks aim", Norm.LINF, randomized=True) == {}


def test_a_filter_that_matches_nothing_names_the_suites_attacks_once(tmp_path: Path) -> None:
    load_plugins()
    path = tmp_path / "lacking.toml"
    path.write_text(SUITE.format(norm="linf").replace("detection.attack.bim", "detection.attack.pgd"), encoding="utf-8")
    with pytest.raises(UserError) as refused:
        prepare(RunRequest(str(path), selection=Selection(attacks=("zzz",))))
    assert refused.value.remedy == "known: margin, pgd"


def test_the_page_shows_what_completes_a_row_and_no_label_ends_the_block(tmp_path: Path) -> None:
    before = planned(SUITE.format(norm="linf"), tmp_path)
    table = Robustness.of(Results(before, Store(tmp_path / "run")))
    assert table is not None
    assert set(table.completions) == set(before.defenses)
    block = table.markdown()[-1]
    assert tomllib.loads(textwrap.dedent(block)) == tomllib.loads(completion(before, list(before.defenses)[-1]))
    hostile = Robustness(table.table, None, {"x`": "a\n```\n<b>\x1b[2J"}).markdown()[-1]
    assert all(line.startswith("    ") for line in hostile.splitlines())
    assert "\x1b" not in hostile
