"""What all defenses share that train the classifier again: the settings of the training, and the copy that is deployed.

Their settings are fields of dataclasses, so that a method lists its own and inherits the rest: the constructor that a
dataclass makes takes keywords only and does nothing but store them.
"""

# Annotations are objects here, not text: the constructor of a subclass is made in the subclass's file, where the names
# in a text would not be known.
import copy
from dataclasses import dataclass, replace
from typing import Literal, Self

from torch import nn

from benchmark.core.errors import UserError
from benchmark.core.settings import BatchRows, Count, Decay, Rate, Shift, check_setting
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.recipe import Recipe
from benchmark.models.training.weights import fill
from defenses.base import DefendedModel, Defense, FitData, Weights


@dataclass(kw_only=True, eq=False, repr=False)
class Retraining(Defense):
    """Replaces the classifier's weights by others that it learns from the classifier's own; without a name.

    Args:
        epochs, batch_size, optimizer, learning_rate, weight_decay, schedule, shift: As in `Recipe`.
    """

    retrains = True

    epochs: Count = 10
    batch_size: BatchRows = 128
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: Rate = 3e-3
    weight_decay: Decay = 1e-3
    schedule: Literal["constant", "cosine", "steps"] = "cosine"
    shift: Shift = 1

    def abridged(self) -> Self:
        return replace(self, epochs=1)

    def defend(self, classifier: nn.Module) -> DefendedModel:
        """A copy of `classifier` with the trained weights; raises UserError before `fit` or when they do not fit."""
        if not self.weights_:
            raise UserError("it has no weights yet", where=self.where, remedy="fit it first")
        model = copy.deepcopy(classifier)
        fill(model, self.network_weights, where=self.where)
        return DefendedModel(model.eval())

    @property
    def network_weights(self) -> Weights:
        """Those of what was learned that go into the classifier; by default all."""
        return self.weights_

    def check_settings(self) -> None:
        """Raise UserError where a setting is out of its range, also where no suite has set it."""
        for name, value in self.settings().items():
            check_setting(type(self).__init__, name, value, of=self.where, where=self.where)

    @property
    def where(self) -> str:
        """Who speaks in an error."""
        return f"defense {self.name!r}"

    @property
    def recipe(self) -> Recipe:
        """The settings of the training."""
        return Recipe(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            schedule=self.schedule,
            shift=self.shift,
        )

    def copy_to_train(self, classifier: nn.Module, data: FitData) -> nn.Module:
        """A copy on the device, of which everything is trained, at the argmax instead of an operating threshold."""
        model = copy.deepcopy(classifier).to(data.device).requires_grad_(True)
        if isinstance(model, DeployedClassifier) and data.classes == 2:
            model.set_operating_logit(0.0)
        return model

    def keep(self, model: nn.Module) -> None:
        """Make the weights of `model` what was learned."""
        self.weights_ = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
