"""A plug-in can only hurt its own rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from benchmark.core.discovery import load_plugins
from benchmark.planning.plan import Selection
from benchmark.records.store import Store
from benchmark.run import RunRequest, execute, prepare
from leaderboard.board import read_board
from leaderboard.publish import publish

MEDDLING = str(Path(__file__).with_name("meddling.py"))
DEFENSES = ("wrecks-in-fit", "wrecks-in-defend", "wrecks-in-purify", "wrecks-training", "refuses-some")
LEAVING = ("makes-images-easy", "sets-globals", "leaves", "purifies-to-nan")


def _run(suite: Path, out: Path, **selection: tuple[str, ...]) -> Store:
    load_plugins([MEDDLING])
    execute(prepare(RunRequest(str(suite), out=out, selection=Selection(**selection))), publish)
    return Store(out)


def _numbers(store: Store, defense: str) -> pd.DataFrame:
    samples = pd.read_parquet(store.root / "samples.parquet")
    columns = ["attack", "sample_id", "clean_prediction", "adversarial_prediction", "robust", "linf"]
    chosen = samples[(samples["table"] == "robustness") & (samples["defense"] == defense)]
    return chosen[columns].reset_index(drop=True)


@pytest.mark.usefixtures("registry")
def test_a_meddling_plug_in_changes_no_other_row_and_no_later_run(
    suite_file: Callable[..., Path], tmp_path: Path
) -> None:
    # The meddlers come first, where they can do the most harm.
    meddlers = "".join(f"[defense.{name}]\n" for name in (*DEFENSES, *LEAVING))
    attack = "\n[robustness.attack.wrecks-in-prepare]\n"
    alone = _run(suite_file(), tmp_path / "alone", attacks=("fgsm", "pgd"), defenses=("none",))
    crowded = suite_file(attack, **{"[defense.none]": f"{meddlers}[defense.none]"})
    store = _run(crowded, tmp_path / "crowded", attacks=("wrecks-in-prepare", "fgsm", "pgd"))
    pd.testing.assert_frame_equal(_numbers(store, "none"), _numbers(alone, "none"))
    rows = {row.defense: row for row in read_board(store.root).robustness}
    for name in (*LEAVING, "wrecks-in-fit", "wrecks-in-defend", "wrecks-in-purify", "refuses-some"):
        assert rows[name].status == "error"
        assert rows[name].worst is None
    remarks = {name: "; ".join(row.remarks) for name, row in rows.items()}
    assert "changes the classifier's own weights" in remarks["wrecks-in-fit"]
    assert "changes the classifier's own weights" in remarks["wrecks-in-defend"]
    assert "NaN or infinity" in remarks["refuses-some"]
    for name in ("none", "jpeg"):
        assert (
            f"wrecks-in-prepare: it changed the weights of the model that it was handed (fit {name})" in remarks[name]
        )
    assert "changed the images that all steps work with" in remarks["makes-images-easy"]
    assert "UnspeakableError" in remarks["sets-globals"]
    again = _run(suite_file(), tmp_path / "crowded", attacks=("fgsm", "pgd"), defenses=("none",))
    pd.testing.assert_frame_equal(_numbers(again, "none"), _numbers(alone, "none"))
