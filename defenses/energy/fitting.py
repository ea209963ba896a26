"""From training images to the weights of an energy, with what there is to be said of it."""

from __future__ import annotations

import torch

from defenses.base import FitData, Weights
from defenses.energy.convergence import Convergence
from defenses.energy.long_run import MULTIPLES, LongRun, long_runs
from defenses.energy.network import EnergyNetwork
from defenses.energy.recipe import EnergyRecipe
from defenses.energy.report import EnergyReport
from defenses.energy.training import train_energy

NETWORK = "energy."
"""What the names of the network's own weights begin with."""
SHAPE = "image_shape"
_TRAINING = "convergence"
_LOOKS = "long_run"
_SHOWN = "long_run_images"


def fit_energy(network: EnergyNetwork, data: FitData, recipe: EnergyRecipe, *, steps: int, images: int) -> Weights:
    """Train `network` in place, on its device, and run long chains on it; labels are not used.

    Args:
        network, data, recipe: What is trained, on what, and how.
        steps, images: Langevin steps of the shortest of the long chains, of which the longest has a hundred times as
            many, and the number of chains; 0 for none.

    Raises:
        UserError: Training diverged again and again.
    """
    trained = recipe.total * recipe.batch_size * recipe.steps
    share = trained / (trained + images * MULTIPLES[-1] * steps)
    training = train_energy(
        network, data.train, recipe, seed=data.seed, report=lambda part, note: data.report(share * part, note)
    )
    weights = {
        **{name: value.cpu().contiguous().clone() for name, value in network.state_dict(prefix=NETWORK).items()},
        SHAPE: torch.tensor(data.train.shape),
        _TRAINING: training.to_tensor(),
    }
    if images:
        looks, shown = long_runs(
            network.eval().requires_grad_(False),
            data.train,
            images=images,
            steps=steps,
            step=recipe.step,
            temperature=recipe.temperature,
            seed=data.seed,
            device=data.device,
            report=lambda part: data.report(share + (1 - share) * part, "long chains"),
        )
        weights |= {_LOOKS: LongRun.to_tensor(looks), _SHOWN: shown}
    data.report(1.0, f"energy {report_of(weights).verdict}")
    return weights


def report_of(weights: Weights) -> EnergyReport:
    """What is to be said of the energy with these weights."""
    looks = weights.get(_LOOKS)
    return EnergyReport(
        Convergence.from_tensor(weights[_TRAINING]), () if looks is None else LongRun.from_tensor(looks)
    )
