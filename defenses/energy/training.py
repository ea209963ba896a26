"""Maximum likelihood for an energy: lower it at the data, raise it where its own chains go."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from defenses.energy.convergence import Convergence
from defenses.energy.langevin import ChainDivergedError, drift, langevin_chain
from defenses.energy.learner import Learner
from defenses.energy.negatives.choice import negatives_of
from defenses.energy.recipe import EnergyRecipe

ATTEMPTS = 5
"""Times that a training may go on, the first included."""
SLOWER = 0.5
"""What learning rates are multiplied by each time."""
EXPLODED = 1000.0
"""An energy gap of so much a pixel, in units of T, has no way back; in balance energies vary by about 1/2 a pixel."""
_LOOK = 20
"""Iterations between two looks at the numbers: each look waits for the device."""
_KEPT = 100
"""Iterations between two checkpoints. The last but one is the last good one, since trouble shows late."""


class _Training:
    """A training with everything that it goes on from.

    Args:
        network, train, recipe, seed, report: As in `train_energy`.
    """

    def __init__(
        self,
        network: nn.Module,
        train: LabeledImages,
        recipe: EnergyRecipe,
        *,
        seed: int,
        report: Callable[[float, str], None],
    ) -> None:
        self._network, self._train, self._recipe, self._seed, self._report = network, train, recipe, seed, report
        self._device = next(network.parameters()).device
        self._generator = torch.Generator().manual_seed(seed)
        self._learner = Learner(network, recipe)
        self._good = [self._learner.checkpoint(0)] * 2
        self._restarts = 0
        self._gaps = torch.zeros(recipe.total, device=self._device)
        self._ratios = torch.zeros(math.ceil(recipe.total / _LOOK), device=self._device)
        self._seen = ""
        self._begin()

    def _begin(self) -> None:
        """Chains and random numbers that no earlier attempt has met."""
        noise = Noise.of(self._seed, range(self._recipe.batch_size), device=self._device).stream("energy-training")
        self._noise = noise.stream(f"attempt {self._restarts}") if self._restarts else noise
        self._negatives = negatives_of(
            self._recipe, self._train, seed=self._seed, generator=self._generator, device=self._device
        )

    def run(self) -> Convergence:
        update = 0
        while update < self._recipe.total:
            if update % _KEPT == 0:
                self._good = [self._good[1], self._learner.checkpoint(update)]
            try:
                self._update(update)
            except ChainDivergedError as trouble:
                update = self._go_back(update, trouble)
            else:
                update += 1
                self._report(update / self._recipe.total, self._seen)
        self._learner.finish()
        last = min(update, max(100, update // 5))
        return Convergence.measure(
            self._gaps[-last:], self._ratios[-math.ceil(last / _LOOK) :], self._negatives.states, self._restarts
        )

    def _update(self, i: int) -> None:
        recipe, network = self._recipe, self._network
        rows = torch.randint(len(self._train), (recipe.batch_size,), generator=self._generator)
        images = self._train.floats(rows, device=self._device) * 2 - 1
        images += recipe.data_noise * self._noise.stream("data").at(i).normal(self._train.shape)
        states = self._negatives.start(images, self._noise.stream("starts").at(i))
        looking = i % _LOOK == 0
        with frozen(network):
            states = langevin_chain(
                self._negatives.followed(network),
                states,
                self._noise.stream("chains"),
                steps=recipe.steps,
                step=recipe.step,
                temperature=recipe.temperature,
                first=i * recipe.steps,
            )
            if looking:
                self._ratios[i // _LOOK] = _drift_ratio(network, states, recipe)
        at_data, at_chains = network(torch.cat([images, states])).chunk(2)
        loss = at_data.mean() - at_chains.mean()
        self._learner.update(loss, i, SLOWER**self._restarts)
        self._negatives.settle(states)
        self._gaps[i] = loss.detach() / recipe.temperature
        if looking or i == recipe.total - 1:
            self._look(i)

    def _look(self, i: int) -> None:
        now = Convergence.measure(
            self._gaps[max(0, i - 99) : i + 1],
            self._ratios[i // _LOOK : i // _LOOK + 1],
            self._negatives.states[:1],
            self._restarts,
        )
        limit = EXPLODED * math.prod(self._train.shape)
        if not abs(float(self._gaps[i])) <= limit:
            raise ChainDivergedError
        self._seen = (
            f"energy gap {now.gap_mean:.0f} ± {now.gap_deviation:.0f}, its autocorrelation "
            f"{now.gap_autocorrelation[0]:.2f}, drift ratio {now.drift_ratio:.2f}"
        )
        if self._restarts:
            self._seen += f", went back {self._restarts} ×"

    def _go_back(self, update: int, trouble: ChainDivergedError) -> int:
        """The update to go on from, at a lower rate."""
        self._restarts += 1
        if self._restarts == ATTEMPTS:
            raise UserError(
                f"the training of an energy diverged {ATTEMPTS} times, at last in update {update + 1} of "
                f"{self._recipe.total} at {SLOWER ** (ATTEMPTS - 1):g} of its learning rate",
                where="energy training",
                remedy=trouble.remedy,
            ) from trouble
        good = self._good[0]
        self._good = [good, good]
        self._learner.go_back(good)
        self._begin()
        self._seen = (
            f"diverged in update {update + 1}: on from {good.update} with {SLOWER**self._restarts:g} of the rate"
        )
        self._report(good.update / self._recipe.total, self._seen)
        return good.update


def train_energy(
    network: nn.Module,
    train: LabeledImages,
    recipe: EnergyRecipe,
    *,
    seed: int,
    report: Callable[[float, str], None],
) -> Convergence:
    """Fit `network`, on its device, to the images of `train` in place; the labels are not used.

    The gradient of the mean log-likelihood is that of (mean F(chains) − mean F(data)) / T (Nijkamp et al. 2020). A
    training that diverges goes on from the last good checkpoint with other random numbers, chains from their beginning
    and half the rate, up to four times. The same arguments on the same machine, with as many threads, give the same
    weights.

    Raises:
        UserError: It diverged once more.
    """
    return _Training(network, train, recipe, seed=seed, report=report).run()


def _drift_ratio(network: nn.Module, states: Tensor, recipe: EnergyRecipe) -> Tensor:
    length = drift(network, states, recipe.step, recipe.temperature).flatten(1).norm(dim=1).mean()
    return length / (recipe.step * math.sqrt(states[0].numel()))
