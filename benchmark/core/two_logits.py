"""A user's network as attacks ask it: two logits or more, whatever it gives for two classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError, in_words
from benchmark.core.frozen import frozen


class TwoLogits(nn.Module):
    """Images [B, C, H, W] → logits [B, K], K ≥ 2: one logit z, [B, 1] or [B], becomes [0, z].

    Args:
        network: Images → logits.

    Raises:
        UserError: It is no network.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        if not isinstance(network, nn.Module):
            raise UserError(
                f"{type(network).__name__} is no network",
                where="model",
                remedy="give a torch.nn.Module that returns logits",
            )
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Logits [B, K]; raises UserError where the network gives no such thing."""
        output = self.network(x)
        if not isinstance(output, Tensor):
            raise UserError(
                f"the model gave {type(output).__name__}, not a tensor",
                where=type(self.network).__name__,
                remedy="wrap it in a module that returns the logits alone",
            )
        rows = x.shape[0]
        if output.shape in ((rows,), (rows, 1)):
            odds = output.reshape(rows)
            return torch.stack([torch.zeros_like(odds), odds], dim=1)
        if output.dim() != 2 or output.shape[0] != rows:
            raise UserError(
                f"the model gave outputs of shape {list(output.shape)} for {rows} images",
                where=type(self.network).__name__,
                remedy="let it return logits of shape [B, K], or one logit an image",
            )
        return output

    @property
    def device(self) -> torch.device | None:
        """Where its weights are; None where it has none."""
        return next((tensor.device for tensor in (*self.parameters(), *self.buffers())), None)

    def asked(self, x: Tensor) -> Tensor:
        """Its logits [B, K] for images `x` [B, C, H, W], in eval mode.

        Raises:
            UserError: It raises, or its answer is none.
        """
        try:
            with frozen(self), torch.no_grad(), torch.random.fork_rng(devices=[]):
                logits: Tensor = self(x)
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"the model cannot be asked about images of shape {list(x.shape)} ({in_words(error)})",
                where=type(self.network).__name__,
                remedy="give images of the size and channels that it takes, or resize inside the model",
            ) from error
        if not bool(logits.isfinite().all()):
            raise UserError(
                "the model answers with NaN or infinity", where=type(self.network).__name__, remedy="check its weights"
            )
        return logits
