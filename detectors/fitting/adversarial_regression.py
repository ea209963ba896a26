"""Logistic regression that weighs a detector's statistics of several layers against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.core.arrays import Floats, Integers


def adversarial_labels(rows: int) -> Integers:
    """Labels of `rows` clean, then `rows` noisy, then `rows` adversarial images: 0, 0, 1."""
    return np.repeat(np.array([0, 0, 1], dtype=np.int64), rows)


def fit_regression(statistics: Floats, labels: Integers) -> Any:
    """Standardise the statistics [N, L] and fit a class-balanced logistic regression to `labels` [N].

    The scaler sees the same rows as the regression and no others.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    return regression.fit(statistics, labels)


def decision(model: Any, statistics: Floats) -> Floats:
    """The fitted model's decision value of each row of `statistics`: [N].

    Not a probability: those round to 1 far from the boundary, and ties cannot be ranked.
    """
    if not len(statistics):
        return np.empty(0)
    return np.asarray(model.decision_function(statistics), dtype=np.float64)


def differentiable_decision(model: Any, statistics: Tensor) -> Tensor:
    """`decision` of what `fit_regression` gave, on float64 `statistics` [N, L] in torch, with a gradient: [N]."""
    scaler, regression = model[0], model[-1]
    mean, scale, weights = (
        torch.as_tensor(v, device=statistics.device) for v in (scaler.mean_, scaler.scale_, regression.coef_[0])
    )
    return (statistics - mean) / scale @ weights + float(regression.intercept_[0])
