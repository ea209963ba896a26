"""EAD: the elastic-net attack, through foolbox."""

from __future__ import annotations

from contextlib import suppress

from torch import Tensor

from attacks.base import Attack, Attempt, Stop
from attacks.effort import Duration, Effort
from attacks.objectives.base import Objective
from attacks.objectives.margin import Margin
from attacks.searches.library_adapter import Differentiated, LibraryFinishedError
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.settings import Confidence, Count, NotNegative, Positive, Rate
from benchmark.core.threat import Norm


class EAD(Attack):
    """Elastic-net attack: Carlini and Wagner's trade-off with an L1 term, solved by shrinkage and thresholding.

    Runs foolbox's FISTA and its search for the constant c, which take the paper's steps, image by image independent of
    each other once `abort_early` is off: that option stops the whole batch by its summed loss. What foolbox returns is
    not used, because it is an all-black image where nothing was found: the nearest in L1 among all images that it
    asked about is taken instead, verified, and images broken within the bound cost nothing more. The objective of a
    suite is not used.

    Args:
        steps: Gradient steps in all, shared by the constants tried.
        searches: How many constants c are tried.
        constant: The first c.
        learning_rate: The first step size of FISTA; it decays with the square root.
        regularization: β: the weight of the L1 term.
        confidence: κ in logits: the margin that the adversarial image must have.
    """

    name = "ead"
    source = "Chen et al. 2018, EAD: elastic-net attacks to deep neural networks, algorithm 1; foolbox 3.3.4"
    norms = frozenset({Norm.L1})
    minimal = True
    takes_objective = False

    def __init__(
        self,
        *,
        steps: Count = 500,
        searches: Count = 5,
        constant: Positive = 1.0,
        learning_rate: Rate = 0.01,
        regularization: NotNegative = 0.01,
        confidence: Confidence = 0.0,
    ) -> None:
        self.steps = steps
        self.searches = searches
        self.constant = constant
        self.learning_rate = learning_rate
        self.regularization = regularization
        self.confidence = confidence

    def default_objective(self) -> Objective:
        """What its steps follow, whatever a suite says."""
        return Margin()

    def budget(self) -> str:
        return f"{self.steps} steps in {self.searches} searches"

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        return Effort(steps=self.steps // self.searches, gradients=self.steps)

    def duration(self) -> Duration:
        """Foolbox asks twice a step: where it differentiates, and where it has arrived."""
        return Duration(self.steps, numbers=2 * self.steps)

    def run(self, victim: Victim, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        import foolbox

        module = Differentiated(victim, noise, stop, confidence=self.confidence)
        model = foolbox.PyTorchModel(module, bounds=(0, 1), device=x.device)
        attack = foolbox.attacks.EADAttack(
            binary_search_steps=max(1, self.searches),
            steps=max(1, self.steps // max(1, self.searches)),
            initial_stepsize=self.learning_rate,
            confidence=self.confidence,
            initial_const=self.constant,
            regularization=self.regularization,
            decision_rule="L1",
            abort_early=False,
        )
        aim = victim.aim
        criterion = foolbox.Misclassification(aim.labels)
        if aim.targets is not None:
            criterion = foolbox.TargetedMisclassification(aim.targets)
        with suppress(LibraryFinishedError):
            attack.run(model, x, criterion)
        return module.nearest.attempt()
