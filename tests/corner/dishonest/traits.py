"""Defenses that say of themselves what is not so."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.base import DefendedModel, FitData, Passes
from tests.corner.control import Control, Stripes, Wrapped


class RandomUndeclared(Control):
    """Adds noise from the harness's numbers and does not say so."""

    name = "random-undeclared"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            return (x + 0.06 * noise.stream("layer").normal(x.shape[1:])).clamp(0, 1)

        return DefendedModel(classifier, purify=purify)


class RandomByGlobalSeed(Control):
    """Adds noise from torch's own generator, which the harness cannot repeat."""

    name = "random-by-global-seed"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: (x + 0.06 * torch.randn_like(x)).clamp(0, 1))


class DeclaredRandom(Control):
    """Says that it is random and draws nothing, so that its fixed answer passes for an average."""

    name = "declared-random"
    purifier = True
    randomized = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: x.clone(), randomized=True)


class RandomTraitOnly(Control):
    """Says that it is random, and its model says that it is not."""

    name = "random-trait-only"
    randomized = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, randomized=False)


class RandomModelOnly(Control):
    """Its model says that it is random, so that a first success must be verified; its traits say nothing."""

    name = "random-model-only"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            return (x + 0.06 * noise.stream("layer").normal(x.shape[1:])).clamp(0, 1)

        return DefendedModel(classifier, purify=purify, votes=3, randomized=True)


class CallsItselfNotDifferentiable(Control):
    """Does nothing, and says that this has no gradient and must be replaced by the image turned by a quarter."""

    name = "calls-itself-not-differentiable"
    purifier = True
    differentiable = False

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: x.clone(), surrogate=lambda x: x.transpose(2, 3))


class UselessSurrogate(Control):
    """A surrogate without any gradient."""

    name = "useless-surrogate"
    purifier = True
    differentiable = False

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: x.clone(), surrogate=lambda x: 0 * x + 0.5)


class NoSurrogateForShift(Control):
    """Turns the image by a quarter on the way to a classifier that turns it back; its surrogate is the identity."""

    name = "identity-surrogate-of-a-turn"
    purifier = True
    differentiable = False
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Turning(classifier), purify=lambda x, noise: x.transpose(2, 3).flip(2).contiguous())


class _Turning(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.flip(2).transpose(2, 3))


class NotDifferentiableWithoutPurifier(Control):
    """Says that it has no gradient and has no purifier either, so that no estimator makes sense on it."""

    name = "no-gradient-no-purifier"
    differentiable = False

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


class PurifierUndeclared(Control):
    """Has a purifier with a gradient cut off, and does not say that it has one."""

    name = "purifier-undeclared"

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: x + (x.detach() - x.transpose(2, 3)) * 0)


class RetrainsUndeclared(Control):
    """Puts another network in the classifier's place and does not say so."""

    name = "retrains-undeclared"

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(Stripes())


class QueryOnlyTrait(Control):
    """Says that it only queries the classifier."""

    name = "query-only"
    query_only = True

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        for holder in list(vars(classifier).values()):
            if isinstance(holder, list):
                holder[0].requires_grad_(True)

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


class OptimisesUndeclared(Control):
    """Takes gradients while it classifies, so that the purified image is moved back against the attack's step."""

    name = "optimises-undeclared"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            with torch.enable_grad():
                at = x.detach().requires_grad_()
                margin = classifier(at).diff(dim=1).abs().sum()
                (gradient,) = torch.autograd.grad(margin, at)
            return (x + 0.02 * gradient.sign()).clamp(0, 1)

        return DefendedModel(classifier, purify=purify)


class SaysItCostsNothing(Control):
    """Asks the classifier a hundred times a question and declares no pass."""

    name = "undeclared-passes"
    purifier = True

    @property
    def purify_passes(self) -> Passes:
        return Passes()

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            for _ in range(3):
                classifier(x)
            return x.clone()

        return DefendedModel(classifier, purify=purify)


class ManyVotes(Control):
    """Twenty votes of a purifier that draws almost nothing."""

    name = "many-votes"
    purifier = True
    randomized = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            return (x + 1e-4 * noise.stream("layer").normal(x.shape[1:])).clamp(0, 1)

        return DefendedModel(classifier, purify=purify, votes=20, randomized=True)


class RandomElsewhere(Control):
    """Is random only away from images of 8 bits, where its randomness is not looked for."""

    name = "random-elsewhere"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            off = ((x * 255).round() - x * 255).abs().amax((1, 2, 3), keepdim=True) > 1e-2
            drawn = (x + 0.06 * noise.stream("layer").normal(x.shape[1:])).clamp(0, 1)
            return torch.where(off, drawn, x)

        return DefendedModel(classifier, purify=purify)


class HidesBehindBPDA(Control):
    """Gives decisions for scores, says that it has no gradient, and offers a surrogate that is good far away only."""

    name = "hides-behind-bpda"
    purifier = True
    differentiable = False
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def surrogate(x: Tensor) -> Tensor:
            noisy = (x - nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)).abs().mean((1, 2, 3))
            return torch.where((noisy > 0.05)[:, None, None, None], x, x.transpose(2, 3))

        return DefendedModel(_Deciding(classifier), purify=lambda x, noise: x.clone(), surrogate=surrogate)


class _Deciding(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        return logits + (3 * nn.functional.one_hot(logits.argmax(1), 2) - logits).detach()
