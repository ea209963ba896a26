"""Denoiser, encoder and decoder as the one network that stands in front of the classifier."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from defenses.zeroth_order.autoencoder import Decoder, Encoder, LatentGrid
from defenses.zeroth_order.denoiser import Denoiser


class Purifier(nn.Module):
    """Dec(Enc(D(x))): images [B, C, H, W] → images in [0, 1].

    Args:
        shape: Channels, height and width of the image.
        latent: Wanted number of latent coordinates; `LatentGrid.of` comes as close as the grid allows.
        width: Channels of hidden layers.
        depth: Convolutions of the denoiser.
    """

    def __init__(self, shape: tuple[int, int, int], *, latent: int, width: int, depth: int) -> None:
        super().__init__()
        grid = LatentGrid.of(shape, latent)
        # The layers' own initialization draws from the global generator, whose state belongs to the caller.
        with torch.random.fork_rng(devices=[]):
            self.denoiser = Denoiser(shape[0], width=width, depth=depth)
            self.encoder = Encoder(grid, width=width)
            self.decoder = Decoder(grid, width=width)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw new weights from `generator` (on the CPU, where the weights must be)."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        # A denoiser that starts as the identity only has noise left to find.
        last = self.denoiser.noise[-1]
        assert isinstance(last, nn.Conv2d)
        nn.init.zeros_(last.weight)

    def standardise(self, samples: LabeledImages, device: torch.device) -> None:
        """Rescale the latent to unit standard deviation over `samples`; decoded images stay the same.

        Thus the length μ of a zeroth-order probe means the same whatever the autoencoder's training made of its latent.
        """
        with torch.no_grad():
            latents = torch.cat([self.encoder(x) for x, _, _ in samples.batches(256, device=device)])
            scale = latents.std(0).square().mean().sqrt().clamp(min=1e-6)
            inner, outer = self.encoder.layers[-1], self.decoder.layers[0]
            assert isinstance(inner, nn.Conv2d)
            assert isinstance(outer, nn.Conv2d)
            assert inner.bias is not None
            inner.weight /= scale
            inner.bias /= scale
            outer.weight *= scale

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] → [B, C, H, W]; raises UserError for images of another shape than the network was made for."""
        shape = self.encoder.grid.shape
        if tuple(x.shape[1:]) != shape:
            raise UserError(
                f"images of shape {tuple(x.shape[1:])} came where {shape} is expected",
                where="defense 'zo-ae-ds'",
                remedy="fit the defense again on images of this shape",
            )
        images: Tensor = self.decoder(self.encoder(self.denoiser(x)))
        return images
