"""The files that `new` writes: each a small method that works, to be replaced by one's own."""

from __future__ import annotations

ATTACK = '''\
"""$name: an attack."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from attacks import Effort, IterativeAttack, State, Victim
from benchmark import Access, Count, Noise, Norm


class $cls(IterativeAttack):
    """Steepest ascent from a random start: say here, in one line, what your attack does.

    Args:
        steps: Number of steps.
    """

    name = "$name"
    source = "your paper, with the equation or algorithm that this code follows"
    norms = frozenset({Norm.LINF, Norm.L2})
    access = Access.GRADIENT

    def __init__(self, *, steps: Count = 10) -> None:
        self.steps = steps

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        """What it spends on an image that never falls; `reach` is the way of all steps together, in units of ε."""
        return replace(super().effort(norm, epsilon), reach=2.5)

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> State:
        """The first image to look at; `noise` gives random numbers that belong to each image."""
        return State(victim.ball.random(noise))

    def step(self, victim: Victim, state: State, noise: Noise) -> State:
        """The next image. Knowing when an image has fallen, and keeping the best, is done for you."""
        ball = victim.ball
        ascent = victim.gradient(state.x, noise)
        size = 2.5 * ball.epsilon / self.steps
        return State(ball.project(state.x + size * ball.steepest(ascent)))
'''

OBJECTIVE = '''\
"""$name: an objective."""

from __future__ import annotations

from torch import Tensor

from attacks.objectives.aim import Aim
from attacks.objectives.base import Need, Objective
from benchmark.core.features import Features
from benchmark.core.settings import Positive


class $cls(Objective):
    """Logit margin that counts less the farther it is from zero: say here, in one line, what your objective is.

    Args:
        scale: Margin, in logits, from which on it counts less.
    """

    name = "$name"
    source = "your paper, with the equation or algorithm that this code follows"
    # What a fair row needs it for; one that hides from a detector says `detector_aware = True` and serves none.
    serves = Need.MARGIN

    def __init__(self, *, scale: Positive = 10.0) -> None:
        self.scale = scale

    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        """Logits [B, K] → one value per image [B], which grows as the attack nears its aim."""
        margin = aim.margin(logits)
        return margin / (1 + margin.abs() / self.scale)
'''

GRADIENT = '''\
"""$name: a gradient estimator."""

from __future__ import annotations

from torch import Tensor

from attacks.gradients.base import GradientEstimator
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.settings import Count, Share


class $cls(GradientEstimator):
    """The gradient through a part of the purifier alone: say here, in one line, how you differentiate.

    Args:
        draws: Random draws of the defense that the logits are averaged over; the harness says how many.
        kept: Share of the purifier's own slope; the rest is the identity's.
    """

    name = "$name"
    source = "your paper, with the equation or algorithm that this code follows"
    # True only where it is the gradient of the defended model itself.
    exact = False

    def __init__(self, *, draws: Count = 1, kept: Share = 0.5) -> None:
        super().__init__(draws=draws)
        self.kept = kept

    def link(self, model: DefendedModel, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """(what to differentiate by, what the classifier is given); the rest is done for you."""
        leaf = x.requires_grad_(True)
        purified = model.purify(leaf, noise)
        stand_in = self.kept * purified + (1 - self.kept) * leaf
        return leaf, purified.detach() + (stand_in - stand_in.detach())
'''

DEFENSE = '''\
"""$name: a defense."""

from __future__ import annotations

from torch import Tensor, nn

from benchmark import Count, Noise
from defenses import DefendedModel, Defense


class $cls(Defense):
    """Averages neighbouring pixels: say here, in one line, what your defense does.

    Args:
        width: Height and width, in pixels, of the window; an odd number.
    """

    name = "$name"
    source = "your paper, with the equation or algorithm that this code follows"
    # The traits decide which attacks a fair row needs, so they must be true: see defenses/base.py for all of them.
    purifier = True
    differentiable = True
    randomized = False

    def __init__(self, *, width: Count = 3) -> None:
        self.width = width

    def defend(self, classifier: nn.Module) -> DefendedModel:
        """The classifier with the purifier in front. A defense that learns has a `fit`, too, which sets `weights_`."""
        return DefendedModel(classifier, purify=self._purify)

    def _purify(self, x: Tensor, noise: Noise) -> Tensor:
        return nn.functional.avg_pool2d(x, self.width, stride=1, padding=self.width // 2, count_include_pad=False)
'''

DETECTOR = '''\
"""$name: a detector."""

from __future__ import annotations

import numpy as np

from benchmark import Positive
from detectors import Detector, DetectorData, FeatureSet, Floats


class $cls(Detector):
    """Distance of the hidden features to the nearest class mean: say here, in one line, what your detector does.

    Args:
        power: Exponent of the distance.
    """

    name = "$name"
    source = "your paper, with the equation or algorithm that this code follows"
    # True for a detector that learns from adversarial examples, not from clean images alone.
    supervised = False

    def __init__(self, *, power: Positive = 1.0) -> None:
        self.power = power

    def fit(self, data: DetectorData) -> None:
        """Learn what is normal; what is learned is kept in attributes whose names end in an underscore."""
        features, labels = data.reference.penultimate, data.reference_labels
        self.means_ = np.stack([features[labels == label].mean(axis=0) for label in np.unique(labels)])

    def score(self, features: FeatureSet) -> Floats:
        """One score per image; higher is more adversarial."""
        offsets = features.penultimate[:, None] - self.means_
        nearest: Floats = np.linalg.norm(offsets, axis=2).min(axis=1)
        return nearest**self.power
'''

STUDY = '''\
"""$name: a study."""

from __future__ import annotations

from torch import Tensor

from benchmark import Count
from benchmark.studies import Column, Findings, Study, Subject
from defenses import Defense


class $cls(Study):
    """How far a purifier moves a clean image: say here, in one line, what your study asks.

    Args:
        draws: Random draws of each image.
    """

    name = "$name"
    source = "your paper, with the equation or figure that this code follows"
    reading = "How your table is read, in a sentence that stands below it."

    def __init__(self, *, draws: Count = 4) -> None:
        self.draws = draws

    def without_use(self, defense: Defense) -> str:
        """Why your question cannot be asked of a defense; empty where it can."""
        return "" if defense.purifier else "there is no purifier"

    def run(self, subject: Subject) -> Findings:
        """A table; curves and pictures may stand beside it. `subject.map` goes through the images in batches."""
        noise = subject.noise.stream("moved")

        def moved(rows: slice) -> Tensor:
            x = subject.images[rows].repeat_interleave(self.draws, 0)
            purified = subject.model.purify(x, noise[rows].repeat(self.draws))
            return (purified - x).abs().mean((1, 2, 3)).unflatten(0, (-1, self.draws)).mean(1)

        columns = [Column(name="mean change", unit="of the range of a pixel")]
        return Findings(columns, [[subject.mean(subject.map(moved))]])
'''

TEST = '''\
"""Whether $kind $name keeps its contract."""

from __future__ import annotations

from $module import $cls

from benchmark.testing import check_$kind


def test_keeps_the_contract() -> None:
    check_$kind($cls())
'''

SKELETONS = {
    "attack": ATTACK,
    "objective": OBJECTIVE,
    "gradient": GRADIENT,
    "defense": DEFENSE,
    "detector": DETECTOR,
    "study": STUDY,
}
"""The file of each kind of plug-in that `new` can write."""
