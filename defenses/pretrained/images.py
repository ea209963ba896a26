"""Whether somebody else's network is one for the images at hand."""

from __future__ import annotations

import torch

from benchmark.core.errors import UserError, in_words
from defenses.pretrained.configs import NetworkConfig
from defenses.pretrained.network import FoundNoise


def refuse_other_images(config: NetworkConfig, shape: tuple[int, int, int], *, where: str) -> None:
    """Raise UserError where the network is for other channels, or its levels do not fit height and width."""
    channels, height, width = shape
    if (config.in_channels, config.out_channels) != (channels, channels):
        raise UserError(
            f"the network takes {config.in_channels} channels and gives {config.out_channels}, "
            f"and the images have {channels}",
            where=where,
            remedy="give a network of such images that gives no variances beside them",
        )
    if height % config.multiple or width % config.multiple:
        size = config.sample_size
        trained = "" if size is None else f" (it was trained on {size if isinstance(size, int) else size[0]} rows)"
        raise UserError(
            f"the network's {len(config.block_out_channels)} levels take images whose sides are multiples of "
            f"{config.multiple}, and these are {height}×{width}{trained}",
            where=where,
            remedy="give the images such a size, or another network",
        )


def try_out(network: FoundNoise, shape: tuple[int, int, int], *, where: str) -> None:
    """Raise UserError where the network fails on a blank image, or finds no numbers of its shape in it."""
    image = torch.zeros(1, *shape)
    try:
        with torch.no_grad():
            found = network(image, network.levels[-1])
    except Exception as error:
        raise UserError(
            f"the network fails on an image ({in_words(error)})", where=where, remedy="give another network"
        ) from error
    if found.shape != image.shape or not bool(found.isfinite().all()):
        raise UserError("the network finds no finite numbers", where=where, remedy="give another network")
