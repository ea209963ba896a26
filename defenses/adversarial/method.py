"""Adversarial training of all kinds: an inner maximisation, one loop, checkpoints chosen under attack."""

# Annotations are objects, as in `retraining`.
from dataclasses import dataclass

from torch import Tensor, nn

from benchmark.core.settings import Count, PixelLength, Share, refuse_overlong
from benchmark.core.threat import Epsilon
from benchmark.models.training.loop import Batch, Course, Loss, Stop, optimize
from defenses.adversarial.judge import Judge
from defenses.adversarial.maximisation import Budget
from defenses.adversarial.min_max import MinMax, madry
from defenses.adversarial.retraining import Retraining
from defenses.base import FitData

MADRY_STEPS = 2.5
"""Radii that all steps together are long where no length is given (Madry et al. 2018, app. B)."""


@dataclass(kw_only=True, eq=False, repr=False)
class AdversarialMethod(Retraining):
    """Trains the classifier further and keeps the epoch most robust on validation images; without a name.

    The epoch kept is the one with the best balanced accuracy under PGD on the validation images, and for two classes
    the operating threshold is the one that gives it.

    Args:
        epsilon: L∞ bound trained for, on pixels in [0, 1].
        validation_steps: PGD steps when an epoch is judged.
    """

    epsilon: PixelLength = "8/255"
    validation_steps: Count = 10

    def check_settings(self) -> None:
        Epsilon.parse(self.epsilon, where=self.where)
        super().check_settings()

    @property
    def radius(self) -> float:
        """ε as a number."""
        return Epsilon.parse(self.epsilon, where=self.where).value

    def budget(self, steps: int, length: str | float | None = None) -> Budget:
        """`steps` steps in the ball, of a length that is given or by default 2.5 ε / steps."""
        if length is None:
            return Budget(self.radius, MADRY_STEPS * self.radius / steps, steps)
        return Budget(self.radius, Epsilon.parse(length, where=f"{self.where}, step_size").value, steps)

    @property
    def validation_budget(self) -> Budget:
        """Of the attack by which an epoch is judged."""
        return self.budget(self.validation_steps)

    def train(self, model: nn.Module, data: FitData, loss: Loss, stop: Stop | None = None) -> Course:
        """Train `model` in place, leave it at its most robust epoch and give it its operating threshold."""
        judge = Judge(data, self.validation_budget)
        course = optimize(
            model,
            data.train,
            data.validation,
            recipe=self.recipe,
            classes=data.classes,
            seed=data.seed,
            device=data.device,
            report=data.report,
            loss=loss,
            criterion=judge.criterion,
            stop=stop,
        )
        judge.set_operating_point(model)
        return course


@dataclass(kw_only=True, eq=False, repr=False)
class PGDMethod(AdversarialMethod):
    """Its inner maximisation takes several steps, in a ball that grows; without a name.

    Args:
        steps: Steps of the attack on each training batch.
        step_size: Length of a step on pixels in [0, 1]; 2.5 · epsilon / steps by default (Madry et al. 2018, app. B).
            Where it is given, it is that of the attack by which an epoch is judged, too.
        warm_up: Share of the training over which ε and the step grow linearly to full size.
    """

    steps: Count = 5
    step_size: PixelLength | None = None
    warm_up: Share = 0.3

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        """Train a copy of `classifier`; raises UserError for settings that make no sense."""
        self.check_settings()
        model = self.copy_to_train(classifier, data)
        self.train(model, data, self.batch_loss)
        self.keep(model)

    def batch_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """What a step makes smaller; by default the loss of the game, on what its attack finds."""
        adversarial = self.game.attack(model, batch, self.budget_at(batch.progress))
        return self.game.loss(model, adversarial, batch)

    @property
    def game(self) -> MinMax:
        """What is attacked and what is made smaller; by default cross-entropy, both times."""
        return madry()

    def budget_at(self, progress: float) -> Budget:
        """The attack's budget when the share `progress` of the training is done."""
        return self.budget(self.steps, self.step_size).scaled(min(1.0, progress / self.warm_up) if self.warm_up else 1)

    @property
    def validation_budget(self) -> Budget:
        return self.budget(self.validation_steps, self.step_size)

    def check_settings(self) -> None:
        super().check_settings()
        refuse_overlong(self.step_size, self.epsilon, where=self.where)
