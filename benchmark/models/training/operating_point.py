"""Choosing the threshold at which a two-class model says "disease"."""

from __future__ import annotations

import torch
from torch import Tensor


def youden_logit(odds: Tensor, labels: Tensor) -> float:
    """The log-odds at which sensitivity + specificity − 1 is largest (Youden 1950), on images with `labels`.

    Thresholds lie midway between neighbouring scores. Among equally good ones the nearest to 0 (probability one
    half) is taken, then the lower. Scores that separate nothing, or labels of one class alone, give 0.

    Args:
        odds: [N] log-odds of class 1.
        labels: [N] of 0 and 1.
    """
    odds, order = odds.detach().double().cpu().sort()
    disease = labels.cpu()[order] == 1
    positives, negatives = int(disease.sum()), int((~disease).sum())
    if positives == 0 or negatives == 0:
        return 0.0
    # Cutting between i − 1 and i: missed are the positives below, spared are the negatives below.
    missed, spared = disease.cumsum(0)[:-1], (~disease).cumsum(0)[:-1]
    cuts = (odds[1:] + odds[:-1]) / 2
    distinct = odds[1:] > odds[:-1]
    # Whole numbers, so that equally good cuts compare equal.
    gain = (spared * positives - missed * negatives)[distinct]
    cuts = cuts[distinct]
    if gain.numel() == 0 or int(gain.max()) <= 0:
        return 0.0
    best = cuts[gain == gain.max()]
    best = best[torch.argsort(best.abs(), stable=True)]
    return float(best[0])
