"""How well scores rank classes: AUROC, from which checkpoints are chosen."""

from __future__ import annotations

import torch
from torch import Tensor


def log_odds(logits: Tensor) -> Tensor:
    """Log-odds of each class against all others: [N, K] → [N, K]. Ranks as probabilities do, but never saturates."""
    logits = logits.double()
    columns = []
    for k in range(logits.shape[1]):
        others = torch.cat([logits[:, :k], logits[:, k + 1 :]], dim=1)
        columns.append(logits[:, k] - others.logsumexp(1))
    return torch.stack(columns, dim=1)


def macro_auroc(logits: Tensor, labels: Tensor) -> float | None:
    """Mean over classes of the one-vs-rest AUROC, of logits [N, K]; None where no class has both sides.

    For two classes it is the ordinary AUROC.
    """
    from sklearn.metrics import roc_auc_score

    odds = log_odds(logits)
    values = []
    for k in range(logits.shape[1]):
        positive = labels == k
        if positive.any() and not positive.all():
            values.append(float(roc_auc_score(positive.cpu().numpy(), odds[:, k].cpu().numpy())))
    return sum(values) / len(values) if values else None
