"""Purification by long chains on a convergent energy."""

# Annotations are objects, as in `ebm`.
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from benchmark.core.settings import Count, Deviation, Memory, Positive, Rate, Share
from defenses.ebm import EBMPurification


@dataclass(kw_only=True, eq=False, repr=False)
class ConvergentEBM(EBMPurification):
    """Purification of `ebm` with a hundred steps or more, on an energy that was trained until long chains stay images.

    A short-run energy is a sampler of as many steps as it was trained with, and longer chains on it wipe the image
    out. A convergent one has the images' distribution as the chain's own, so that K may be large enough for a
    perturbation to be forgotten. It needs small steps, few chains that live long, more updates at a rate that falls, a
    running mean of the weights, and a wide Gaussian that keeps the longest chains from leaving for good; whether it
    came out convergent stands on the board ("Energies"). Logits are averaged over `votes` chains.

    The default settings are for 28×28 images: about three minutes of one CPU core. Du, and Hill et al. 2021, take the
    vanilla network with 32 features and no Gaussian, ε = 0.01, 100 training steps, 125,000 updates by Adam at 1e-4 and
    as many by gradient descent, a bank without rejuvenation, K = 1,000 to 2,000 and 64 to 150 votes.

    Args:
        architecture, features, activation, prior_deviation, langevin_epsilon, temperature, training_steps, data_noise,
            negatives, bank_size, rejuvenation, batch_size, iterations, learning_rate, decay, rate_drops,
            sgd_iterations, sgd_learning_rate, averaging, long_run_steps, long_run_images: As of `ebm`.
        steps: K, Langevin steps of a purification. 0 leaves the image alone.
        votes: Chains that one decision averages over (H_def).
    """

    name = "conv-ebm"
    source = (
        "Du, convergent EBM defense for medical images (slides), eq. 14 and 17; training: Hill, Mitchell, Zhu 2021 "
        "and Nijkamp et al. 2020; smooth activation of Du, Hill, Cai 2026, MEFA"
    )

    prior_deviation: Positive | None = 0.3
    steps: Annotated[int, Interval(ge=0, le=10**5)] = 100
    langevin_epsilon: Deviation = 0.015
    bank_size: Annotated[int, Interval(ge=1, le=10**6)] = 500
    rejuvenation: Share = 0.01
    iterations: Annotated[int, Interval(ge=1, le=10**7)] = 1300
    learning_rate: Rate = 5e-4
    averaging: Memory = 0.99
    long_run_steps: Count = 100
