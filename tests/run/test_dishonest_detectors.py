"""A detector that writes, looks at its neighbours or knows the files fails or is seen; others keep their numbers."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from benchmark.core.arrays import Floats
from benchmark.core.noise import Noise
from benchmark.evaluation.detection import auc
from benchmark.planning.plan import Selection
from benchmark.run import RunRequest, execute, prepare
from benchmark.steps.detector_scoring import score_sets
from benchmark.steps.isolated_detector import IsolatedDetector
from detectors.base import Detector, DetectorData, FeatureSet
from leaderboard.publish import publish


class Distance(Detector):
    """Honest: distance of the last features from the mean of clean ones."""

    name = "in-tests-distance"
    source = "a test"

    def fit(self, data: DetectorData) -> None:
        self.mean_ = data.reference.penultimate.mean(0)

    def score(self, features: FeatureSet) -> Floats:
        return np.linalg.norm(features.penultimate - self.mean_, axis=1)


class WritesWhileScoring(Distance):
    name = "in-tests-writes-while-scoring"

    def score(self, features: FeatureSet) -> Floats:
        features.logits[...] = 0
        return super().score(features)


class WritesWhileFitting(Distance):
    name = "in-tests-writes-while-fitting"

    def fit(self, data: DetectorData) -> None:
        super().fit(data)
        data.reference.images.zero_()
        data.clean.penultimate[...] = 1


class WritesIntoTheClassifier(Distance):
    name = "in-tests-writes-into-the-classifier"

    def score(self, features: FeatureSet) -> Floats:
        with torch.no_grad():
            for parameter in features.classifier.parameters():
                parameter.zero_()
        return super().score(features)


class LooksAtItsNeighbours(Distance):
    """Relative to the mean score of those that it is asked about at once."""

    name = "in-tests-neighbours"

    def score(self, features: FeatureSet) -> Floats:
        return super().score(features) - super().score(features).mean()


class KnowsThePlace(Distance):
    """Relative to how often it was asked."""

    name = "in-tests-place"

    def score(self, features: FeatureSet) -> Floats:
        self.calls_ = getattr(self, "calls_", 0) + 1
        return super().score(features) + 100 * self.calls_


class KnowsTheFiles(Distance):
    """Looks clean images up, as from a file: here it takes them from the memory of the process."""

    name = "in-tests-files"

    def fit(self, data: DetectorData) -> None:
        super().fit(data)
        known = [t for t in gc.get_objects() if type(t) is torch.Tensor and t.dtype == torch.uint8 and t.dim() == 4]
        self.known_ = {image.numpy().tobytes() for t in known for image in t}

    def score(self, features: FeatureSet) -> Floats:
        stored = (features.images * 255).round()
        exact = (features.images * 255 - stored).abs().flatten(1).amax(1) < 1e-3
        seen = [row.to(torch.uint8).numpy().tobytes() in self.known_ for row in stored]
        return np.array([not (s and e) for s, e in zip(seen, exact.tolist(), strict=True)], dtype=np.float64)


class KnowsTheGrid(Distance):
    """Distance from the steps of an 8-bit file."""

    name = "in-tests-grid"

    def score(self, features: FeatureSet) -> Floats:
        levels = features.images * 255
        return (levels - levels.round()).abs().flatten(1).mean(1).double().numpy()


WRITERS = (WritesWhileScoring, WritesWhileFitting, WritesIntoTheClassifier)
COMPANY = (LooksAtItsNeighbours, KnowsThePlace)
KNOWING = (KnowsTheFiles, KnowsTheGrid)


def samples(suite: Path, out: Path, detectors: tuple[str, ...]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Records of the detection table, and why steps failed."""
    selection = Selection(defenses=("none",), attacks=("bim",), detectors=detectors)
    tally = execute(prepare(RunRequest(str(suite), out=out, selection=selection)), publish)
    frame = pd.read_parquet(out / "samples.parquet")
    return frame[frame["table"] == "detection"].reset_index(drop=True), tally.failed


@pytest.fixture
def records(suite_file: Callable[..., Path], tmp_path: Path) -> tuple[dict[str, pd.DataFrame], list[str], pd.DataFrame]:
    kinds: tuple[type[Detector], ...] = (*WRITERS, *COMPANY, *KNOWING, Distance)
    suite = suite_file("".join(f"[detector.{kind.name}]\n" for kind in kinds))
    alone, _ = samples(suite, tmp_path / "alone", ("svm",))
    frame, failed = samples(suite, tmp_path / "run", (*(kind.name for kind in kinds), "svm"))
    return (
        {str(name): part.reset_index(drop=True) for name, part in frame.groupby("detector")},
        [*failed.values()],
        alone,
    )


def test_dishonest_detectors_fail_alone_or_are_seen(records: Any) -> None:
    found, reasons, alone = records
    assert set(found) == {Distance.name, *(kind.name for kind in KNOWING), "svm"}
    for kind, said in [(k, "changes the images") for k in WRITERS] + [(k, "the other images") for k in COMPANY]:
        assert any(kind.name in reason and said in reason for reason in reasons), kind.name
    # The one after all of them has the numbers that it has without them.
    pd.testing.assert_frame_equal(found["svm"], alone)
    columns = [c for c in alone if c.startswith("detector_")]
    scores = {name: {c: frame[c].to_numpy() for c in columns} for name, frame in found.items()}
    for name, of in scores.items():
        assert all(np.isfinite(values).all() for values in of.values()), name
    files, grid = (scores[kind.name] for kind in KNOWING)
    assert auc(files["detector_score_clean"], files["detector_score"]) == 1
    assert auc(files["detector_score_moved"], files["detector_score"]) == 0.5
    assert auc(grid["detector_score_clean"], grid["detector_score"]) == 1
    assert auc(grid["detector_score_clean"], grid["detector_score_stored"]) == 0.5


def sets() -> dict[str, FeatureSet]:
    rng = np.random.default_rng(0)

    def one(count: int) -> FeatureSet:
        features = rng.normal(size=(count, 4))
        return FeatureSet(torch.zeros(count, 1, 2, 2), (features,), features, features[:, :2], torch.nn.Linear(2, 2))

    return {"clean": one(7), "adversarial": one(5)}


def test_each_set_gets_its_own_scores_whatever_order_they_were_asked_in() -> None:
    detector = IsolatedDetector(Distance())
    detector.detector.mean_ = np.zeros(4)  # type: ignore[attr-defined]
    given = sets()
    scores, checks = score_sets(detector, given, Noise.of(0, range(12)))
    for name, features in given.items():
        assert np.allclose(scores[name], np.linalg.norm(features.penultimate, axis=1))
    assert checks["n"] == 12
    assert checks["largest_difference"] < 1e-12
