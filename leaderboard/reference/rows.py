"""The answer that looks at no image: what every row must be read against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmark.evaluation.intervals import Estimate, share_of
from leaderboard.reading import evaluation_images
from leaderboard.results import Results


@dataclass(frozen=True)
class Reference:
    """The largest class said of every image, which no attack can change.

    Attributes:
        label: The class.
        n: Evaluation images.
        accuracy: Share of them that it is right on: clean, under each attack and in the worst case.
        sensitivity, specificity: For two classes share of the diseased (healthy) called so, 1 or 0; for K the means
            over the one-vs-rest problems, 1/K and 1 − 1/K.
        balanced_accuracy: 1/K.
    """

    label: str
    n: int
    accuracy: Estimate
    sensitivity: float
    specificity: float
    balanced_accuracy: float


def constant_answer(images: pd.DataFrame, names: Sequence[str]) -> Reference:
    """The reference on evaluation images.

    Args:
        images: Any clean records: `label` and `group` of every image, at least one.
        names: The classes.
    """
    labels, classes = images["label"].to_numpy(), len(names)
    largest = int(np.bincount(labels, minlength=classes).argmax())
    sensitivity, specificity = 1 / classes, 1 - 1 / classes
    if classes == 2:
        sensitivity, specificity = float(largest == 1), float(largest == 0)
    accuracy = share_of(labels == largest, images["group"].tolist())
    return Reference(names[largest], len(labels), accuracy, sensitivity, specificity, 1 / classes)


def reference(results: Results) -> Reference | None:
    """The reference of a run; None where no row can be read."""
    images = results.once(evaluation_images)
    return None if images is None else constant_answer(images, results.run.data.classes)
