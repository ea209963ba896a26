"""JPEG compression in front of the classifier."""

from __future__ import annotations

from io import BytesIO
from typing import Annotated

import numpy as np
import torch
from annotated_types import Interval
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from defenses.base import IDENTITY, DefendedModel, Defense
from defenses.compression.differentiable_jpeg import differentiable_jpeg


class JPEG(Defense):
    """JPEG compression: the image is rounded to bytes, encoded and decoded before the classifier sees it.

    Deterministic, and each image by itself. Rounding makes its true gradient zero almost everywhere, so attacks
    must replace it: by the identity (Athalye et al. 2018, Obfuscated gradients give a false sense of security, section
    5.3.1), which leads astray where colour is coarse, and by a JPEG whose rounding has a slope (Shin and Song 2017).

    Args:
        quality: Pillow's scale, 1 (coarsest) to 95; 75 as in Guo et al. (2018).
    """

    name = "jpeg"
    source = "Guo et al. 2018, Countering adversarial images using input transformations, section 3"
    differentiable = False
    purifier = True
    surrogates = (IDENTITY, "differentiable JPEG")

    def __init__(self, *, quality: Annotated[int, Interval(ge=1, le=95)] = 75) -> None:
        self.quality = quality

    def defend(self, classifier: nn.Module) -> DefendedModel:
        """Put the compression in front of `classifier`.

        Raises:
            UserError: `quality` is not a whole number from 1 to 95.
        """
        if not isinstance(self.quality, int) or not 1 <= self.quality <= 95:
            raise UserError(
                f"quality {self.quality!r} is not a whole number from 1 to 95",
                where="defense 'jpeg'",
                remedy="75 is the published setting",
            )
        surrogates = {"differentiable JPEG": lambda x: differentiable_jpeg(x, self.quality)}
        return DefendedModel(classifier, purify=self._purify, surrogates=surrogates)

    def _purify(self, x: Tensor, noise: Noise) -> Tensor:
        return compress(x, self.quality)


def compress(x: Tensor, quality: int) -> Tensor:
    """Encode and decode images in [0, 1]: [B, 1 or 3, H, W] → the same shape, device and dtype, multiples of 1/255.

    Colour is kept at half resolution (4:2:0), which is Pillow's choice at this and most other qualities.

    Raises:
        UserError: The images have neither 1 nor 3 channels.
    """
    from PIL import Image

    channels = x.shape[1]
    if channels not in (1, 3):
        raise UserError(
            f"images of {channels} channels cannot be JPEG-compressed",
            where="defense 'jpeg'",
            remedy="use grayscale or RGB images",
        )
    bytes_last = (x.detach().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    decoded = np.empty_like(bytes_last, order="C")
    for row, pixels in enumerate(bytes_last):
        file = BytesIO()
        image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if channels == 1 else pixels))
        image.save(file, format="JPEG", quality=quality, subsampling="4:2:0")
        decoded[row] = np.asarray(Image.open(file)).reshape(pixels.shape)
    return torch.from_numpy(decoded).permute(0, 3, 1, 2).to(device=x.device, dtype=x.dtype).div(255).contiguous()
