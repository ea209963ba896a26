"""BPDA adversarial training: the classifier learns from purified adversaries that it never let go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

import torch
from annotated_types import Interval
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmark.core.settings import Count, Deviation, PixelLength, Share, refuse_overlong
from benchmark.core.threat import Epsilon
from benchmark.models.training.loop import Batch, augment
from defenses.adversarial.adversaries import PersistentAdversaries
from defenses.adversarial.method import AdversarialMethod
from defenses.base import FitData
from defenses.ebm import EBMPurification

_OF_ENERGY = 0.3
"""Share of the progress shown that is the energy's training."""


@dataclass(kw_only=True, eq=False, repr=False)
class BPDAAdversarialTraining(AdversarialMethod):
    """Trains the classifier on what an energy makes of adversaries; the classifier alone is deployed.

    First an energy is trained as `ebm` trains its own. Then every training image has an adversary and a purified
    sample, which live on from epoch to epoch: each time an image comes up, its adversary takes one step along BPDA's
    gradient within the ball, the sample moves along and takes K Langevin steps, and the classifier learns from the
    sample. So a sample has seen many Langevin steps at the price of K each time; now and then a pair begins again at
    its image. The thesis leaves open how the sample follows its adversary; here it moves as far as the adversary did.

    Otherwise as `adversarial-training`: from the classifier's own weights, every class counted alike, the epoch most
    robust without the energy kept, with its threshold.

    Args:
        langevin_steps: K, between two steps of an adversary.
        langevin_epsilon: ε of the Langevin steps, in the energy's training too; see `ebm`.
        energy_iterations: Updates of the energy; its other settings are the defaults of `ebm`.
        step: "sign", as eq. 2.4 of the thesis has it, or "gradient", as its algorithm is written.
        step_size: α on pixels in [0, 1]: by default 2/255 along the sign, with which an adversary crosses the ball in
            eight epochs, or 0.5 times the gradient.
        rejuvenation: Probability that a pair begins again at its image before a step.
        shift: As in `Recipe`, of the purified samples.
        epsilon, validation_steps: As in `adversarial-training`.
        epochs, batch_size, optimizer, learning_rate, weight_decay, schedule: As in `Recipe`.
    """

    name = "bpda-at"
    source = "Mitchell 2020, Security through stochasticity, algorithm 2"

    langevin_steps: Count = 1
    langevin_epsilon: Deviation = 0.01
    energy_iterations: Annotated[int, Interval(ge=1, le=10**7)] = 150
    epochs: Count = 20
    step: Literal["sign", "gradient"] = "sign"
    step_size: PixelLength | None = None
    rejuvenation: Share = 0.01

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        """Train an energy and a copy of `classifier`; raises UserError for settings that make no sense."""
        self.check_settings()
        model = self.copy_to_train(classifier, data)
        energy = EBMPurification(
            steps=self.langevin_steps,
            langevin_epsilon=self.langevin_epsilon,
            iterations=self.energy_iterations,
            long_run_images=0,
        )
        energy.fit(classifier, replace(data, report=lambda done, text: data.report(_OF_ENERGY * done, text)))
        # A network has random weights before it has its own.
        with torch.random.fork_rng(devices=[]):
            purify = energy.defend(classifier).purify
        adversaries = PersistentAdversaries(
            data.train,
            purify,
            epsilon=self.radius,
            step_size=self._step_size,
            sign=self.step == "sign",
            rejuvenation=self.rejuvenation,
        )
        shifts = torch.Generator().manual_seed(data.seed)

        def batch_loss(model: nn.Module, batch: Batch) -> Tensor:
            purified = adversaries.move(model, batch.rows, batch.labels, batch.noise)
            images = augment(purified, self.recipe, shifts)
            return cross_entropy(model(images), batch.labels, weight=batch.weights)

        rest = replace(data, report=lambda done, text: data.report(_OF_ENERGY + (1 - _OF_ENERGY) * done, text))
        self.train(model, rest, batch_loss)
        self.keep(model)

    def abridged(self) -> Self:
        return replace(self, epochs=1, energy_iterations=1)

    def check_settings(self) -> None:
        super().check_settings()
        if self.step == "sign":
            refuse_overlong(self.step_size, self.epsilon, where=self.where)

    @property
    def _step_size(self) -> float:
        if self.step_size is None:
            return 2 / 255 if self.step == "sign" else 0.5
        return Epsilon.parse(self.step_size, where=f"{self.where}, step_size").value
