"""What a defense that may only query learns from."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class QueryOnly(nn.Module):
    """A classifier that answers and gives no gradient: all that a query-only defense may learn from."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        # Held out of the module tree, so that its parameters are out of reach.
        self._ask = [classifier]
        self.queries = 0

    def forward(self, x: Tensor) -> Tensor:
        """Detached logits of `x`."""
        self.queries += x.shape[0]
        with torch.no_grad():
            logits: Tensor = self._ask[0](x.detach())
        return logits
