"""A defense's images after all of its attacks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmark.evaluation.clinical import ClinicalMetrics, clinical_metrics


def worst_case(clean: pd.DataFrame, attacks: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """`label`, `group`, `robust`, `prediction` and `scores` of every image in its worst state.

    The any-step rule decides `robust` (right on clean input and under every attack) and `prediction`: the label where
    the image is robust, else a wrong answer. That is the final one of the attack, among those that broke it, that
    leaves the true class the least probability; where that one's last draw is right after all, the likeliest wrong
    class.
    `scores` are of one decision: on the final image, clean or of any attack, that leaves the true class the least.

    Args:
        clean: The clean records.
        attacks: Records of every attack, aligned with `clean`.
    """
    labels = clean["label"].to_numpy()
    rows = np.arange(len(clean))
    scores = np.stack(clean["scores"].tolist())
    robust = clean["clean_right"].to_numpy(dtype=bool).copy()
    prediction = clean["clean_prediction"].to_numpy().copy()
    least = np.where(robust, np.inf, scores[rows, labels])
    behind = scores.copy()
    for samples in attacks:
        probability = np.stack(samples["scores"].tolist())
        true_class = probability[rows, labels]
        fell = ~samples["robust"].to_numpy(dtype=bool)
        worse = fell & (true_class < least)
        least[worse], behind[worse] = true_class[worse], probability[worse]
        prediction[worse] = samples["adversarial_prediction"].to_numpy()[worse]
        robust &= ~fell
        lower = true_class < scores[rows, labels]
        scores[lower] = probability[lower]
    lucky = ~robust & (prediction == labels)
    wrong = np.where(np.eye(scores.shape[1], dtype=bool)[labels], -np.inf, behind).argmax(1)
    prediction[lucky] = wrong[lucky]
    return clean[["label", "group"]].assign(prediction=prediction, scores=list(scores), robust=robust)


def clinical(frame: pd.DataFrame, prediction: str, classes: int, seed: int) -> ClinicalMetrics:
    """Clinical metrics of the answers in column `prediction` and of `scores`; classes ≥ 2."""
    scores = np.stack(frame["scores"].tolist())
    return clinical_metrics(
        frame["label"].to_numpy(),
        frame[prediction].to_numpy(),
        scores[:, 1] if classes == 2 else scores,
        classes=classes,
        groups=frame["group"].tolist(),
        seed=seed,
    )
