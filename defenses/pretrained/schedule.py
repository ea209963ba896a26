"""How much of an image is left at each time of somebody else's diffusion."""

from __future__ import annotations

from itertools import pairwise

from benchmark.core.errors import UserError
from defenses.pretrained.configs import ScheduleConfig


def kept_at(config: ScheduleConfig, *, where: str) -> tuple[float, ...]:
    """ᾱ at time 0, where it is 1, and at the times 1 to T of the schedule; time t is the library's timestep t − 1.

    Later times at which nothing is left of the image, as of a schedule that ends without signal, are not among them.

    Raises:
        UserError: Not even the first time has some noise and some image.
    """
    from diffusers import DDPMScheduler

    betas = {k: v for k, v in config.arguments().items() if k != "prediction_type"}
    shares = [1.0, *DDPMScheduler(**betas).alphas_cumprod.double().tolist()]
    falling = next((time for time, (one, next_) in enumerate(pairwise(shares), 1) if not 0 < next_ < one), len(shares))
    if falling < 2:
        raise UserError(
            "the schedule adds no noise at its first time, or nothing else",
            where=where,
            remedy="give a schedule whose betas lie between 0 and 1",
        )
    return tuple(shares[:falling])
