"""Every number of the tables, computed again from `samples.parquet` alone, with formulas that are this file's own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, rankdata

from benchmark.run import RunRequest, execute, prepare
from leaderboard.publish import publish

RANDOM = """
[defense.ebm]
iterations = 30
steps = 5
long_run_images = 0
votes = 3
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, plugins: None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(samples.parquet, rows.csv) of a small run with a randomized defense."""
    from tests.run.tiny import TINY

    folder = tmp_path_factory.mktemp("recomputed")
    suite = folder / "tiny.toml"
    text = TINY.replace("replicates = 2", "replicates = 10")
    suite.write_text(text.replace("probes = 4", "probes = 0\ndiagnoses = 0\neot_samples = 3") + RANDOM)
    execute(prepare(RunRequest(str(suite), out=folder / "run")), publish)
    return pd.read_parquet(folder / "run" / "samples.parquet"), pd.read_csv(folder / "run" / "rows.csv")


Tables = tuple[pd.DataFrame, pd.DataFrame]


def wilson(hits: np.ndarray) -> tuple[float, float]:
    found = binomtest(int(hits.sum()), len(hits)).proportion_ci(0.95, method="wilson")
    return found.low, found.high


def same(line: pd.Series, name: str, hits: np.ndarray) -> None:
    """A share and its Wilson interval."""
    expected = (np.mean(hits), *wilson(hits))
    assert tuple(line[[name, f"{name}_low", f"{name}_high"]].astype(float)) == pytest.approx(expected, abs=1e-9)


def area(negatives: np.ndarray, positives: np.ndarray) -> float:
    """Mann and Whitney: mean rank of the positives."""
    ranks = rankdata(np.concatenate([negatives, positives]))[len(negatives) :]
    return float((ranks.sum() - len(positives) * (len(positives) + 1) / 2) / (len(positives) * len(negatives)))


def outcomes(samples: pd.DataFrame, column: str) -> pd.DataFrame:
    """A column of booleans as [image, attack]."""
    return samples.assign(value=samples[column].astype(bool)).pivot_table("value", "sample_id", "attack").astype(bool)


def robustness(samples: pd.DataFrame) -> pd.DataFrame:
    return samples[samples["table"] == "robustness"]


def pairs(published: Tables) -> list[tuple[pd.Series, pd.DataFrame]]:
    """(line of rows.csv, its records) of every attack that was run."""
    samples, rows = published
    attacks = rows[(rows["table"] == "robustness") & ~rows["attack"].isin(["clean", "worst case"])]
    attacks = attacks[attacks["status"] == "done"]
    own = robustness(samples)
    found = [
        (line, own[(own["defense"] == line["defense"]) & (own["attack"] == line["attack"])])
        for _, line in attacks.iterrows()
    ]
    assert len(found) >= 9
    return found


def test_robustness_and_attacks(published: Tables) -> None:
    for line, own in pairs(published):
        right, attacked = own["clean_right"].astype(bool).to_numpy(), own["attacked"].astype(bool).to_numpy()
        robust, stored = own["robust"].astype(bool).to_numpy(), own["stored_right"].astype(bool).to_numpy()
        same(line, "robust", robust)
        same(line, "robust_stored", right & stored)
        if (attacked & ~robust).any():
            same(line, "kept_stored", ~stored[attacked & ~robust])
        for cost in ("forwards", "backwards"):
            assert line[cost] == pytest.approx(own[cost].to_numpy(dtype=float)[attacked].mean())
        decided = own["adversarial_prediction"] == own["label"]
        verified = own["verified"].astype(bool)
        assert (own["robust"].astype(bool) == (right & decided & ~verified)).all()


def test_fresh_draws(published: Tables) -> None:
    random = [(line, own) for line, own in pairs(published) if not np.isnan(line["fresh_mean"])]
    assert {line["defense"] for line, _ in random} == {"ebm"}
    for line, own in random:
        share, draws = own["fresh_right"].to_numpy(), int(own["draws"].iloc[0])
        assert draws == 10
        deviation = np.sqrt((share * (1 - share)).sum() * draws / (draws - 1)) / len(share)
        expected = (share.mean(), deviation, (share == 1).mean())
        assert tuple(line[["fresh_mean", "fresh_sd", "fresh_worst"]].astype(float)) == pytest.approx(expected)


@pytest.mark.parametrize("defense", ["none", "jpeg", "ebm"])
@pytest.mark.parametrize("state", ["clean", "worst case"])
def test_clinical_metrics_and_the_worst_case(published: Tables, defense: str, state: str) -> None:
    samples, rows = published
    (line,) = (line for _, line in rows.iterrows() if (line["defense"], line["attack"]) == (defense, state))
    own = robustness(samples)
    own = own[own["defense"] == defense]
    clean = own[own["attack"] == "clean"].set_index("sample_id")
    robust = outcomes(own if state == "worst case" else own[own["attack"] == "clean"], "robust").all(axis=1)
    label = clean["label"].astype(int).loc[robust.index].to_numpy()
    hits = robust.to_numpy()
    same(line, "robust", hits)
    same(line, "sensitivity", hits[label == 1])
    same(line, "specificity", hits[label == 0])
    shares = [hits[label == c].mean() for c in (0, 1)]
    ends = [wilson(hits[label == c]) for c in (0, 1)]
    assert line["balanced_accuracy"] == pytest.approx(np.mean(shares))
    below = np.sqrt(sum((s - low) ** 2 for s, (low, _) in zip(shares, ends, strict=True))) / 2
    above = np.sqrt(sum((high - s) ** 2 for s, (_, high) in zip(shares, ends, strict=True))) / 2
    assert line["balanced_accuracy_low"] == pytest.approx(np.mean(shares) - below)
    assert line["balanced_accuracy_high"] == pytest.approx(min(1, np.mean(shares) + above))
    shown = own if state == "worst case" else own[own["attack"] == "clean"]
    disease = shown.assign(score=[s[1] for s in shown["scores"]]).pivot_table("score", "sample_id", "attack")
    disease = disease.loc[robust.index]
    # The final image that leaves the true class least: the lowest score of the diseased, the highest of the healthy.
    score = np.where(label == 1, disease.min(axis=1), disease.max(axis=1))
    assert line["auroc"] == pytest.approx(area(score[label == 0], score[label == 1]))
    assert line["auroc_low"] <= line["auroc"] <= line["auroc_high"]


def test_detection(published: Tables) -> None:
    samples, rows = published
    lines = rows[(rows["table"] == "detection") & rows["auc"].notna()]
    assert len(lines) >= 4
    for _, line in lines.iterrows():
        where = {k: line[k] for k in ("table", "defense", "attack", "detector")}
        own = samples[(samples[list(where)] == pd.Series(where)).all(axis=1)]
        known = own.loc[own["split"] == "calibration", "detector_score_clean"].to_numpy()
        test = own[own["split"] == "test"]
        clean, noisy, score = (
            test[c].to_numpy() for c in ("detector_score_clean", "detector_score_noisy", "detector_score")
        )
        harmless, fooled = np.concatenate([clean, noisy]), ~test["robust"].astype(bool).to_numpy()
        assert line["n"] == len(test)
        same(line, "success", fooled)
        assert line["auc"] == pytest.approx(area(harmless, score))
        centre = np.median(known)
        assert line["auc_two_sided"] == pytest.approx(area(np.abs(harmless - centre), np.abs(score - centre)))
        if fooled.any():
            assert line["auc_fooled"] == pytest.approx(area(harmless, score[fooled]))
        for name, share in (("10", 0.10), ("5", 0.05)):
            # The lowest calibration score that at most this share of the calibration scores exceed.
            threshold = min(t for t in known if (known > t).sum() <= np.floor(share * (len(known) - 1) + 1e-9))
            assert line[f"threshold_at_{name}"] == pytest.approx(threshold)
            assert line[f"tpr_at_{name}"] == pytest.approx((score > threshold).mean())
            assert line[f"fpr_clean_at_{name}"] == pytest.approx((clean > threshold).mean())
            assert line[f"fpr_noisy_at_{name}"] == pytest.approx((noisy > threshold).mean())
            assert line[f"joint_success_at_{name}"] == pytest.approx((fooled & (score <= threshold)).mean())
            for column, against in (("tpr_stored", "detector_score_stored"), ("fpr_moved", "detector_score_moved")):
                assert line[f"{column}_at_{name}"] == pytest.approx((test[against] > threshold).mean())
            for measure in ("tpr", "joint_success", "fpr_clean", "fpr_moved", "tpr_stored"):
                low, high = line[f"{measure}_at_{name}_low"], line[f"{measure}_at_{name}_high"]
                assert low <= line[f"{measure}_at_{name}"] <= high
