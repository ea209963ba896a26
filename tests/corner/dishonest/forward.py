"""Defenses that decide by something else than the parts that attacks differentiate."""

from __future__ import annotations

from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.base import DefendedModel
from tests.corner.control import Control, Stripes, Wrapped, known, nearest


class DecidesOtherwise(Control):
    """Its decision is the classifier's, its parts are another network."""

    name = "decides-otherwise"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return _OtherDecision(_Scaled(Stripes()), classifier)


class _OtherDecision(DefendedModel):
    def __init__(self, shown: nn.Module, hidden: nn.Module) -> None:
        super().__init__(shown)
        self.hidden = hidden

    def decide(self, x: Tensor, noise: Noise) -> Tensor:
        return self.hidden(x)


class _Scaled(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return 0.1 * self.inner(x)


class ClassifiesOtherwise(Control):
    """Its classifier is another network than the one that classifies where no gradient is wanted."""

    name = "classifies-otherwise"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return _OtherClassify(_Scaled(Stripes()), classifier)


class _OtherClassify(_OtherDecision):
    def decide(self, x: Tensor, noise: Noise) -> Tensor:
        return DefendedModel.decide(self, x, noise)

    def classify(self, purified: Tensor) -> Tensor:
        return super().classify(purified) if purified.requires_grad else self.hidden(purified)


class CombinesOtherwise(Control):
    """Combines its votes by asking another network."""

    name = "combines-otherwise"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return _OtherCombine(_Scaled(Stripes()), classifier)


class _OtherCombine(_OtherDecision):
    def decide(self, x: Tensor, noise: Noise) -> Tensor:
        self.shown = x.detach()
        return DefendedModel.decide(self, x, noise)

    def combine(self, logits: Tensor) -> Tensor:
        return self.hidden(self.shown)


class PurifiesOtherwise(Control):
    """Its purifier blurs where the attack looks, and does nothing where it decides."""

    name = "purifies-otherwise"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return _OtherPurify(classifier)


class _OtherPurify(DefendedModel):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__(classifier, purify=lambda x, noise: nn.functional.avg_pool2d(x, 5, 1, 2))

    def decide(self, x: Tensor, noise: Noise) -> Tensor:
        return self.classifier(x)


class ChangesAfterwards(Control):
    """Puts another decision in the place of its own from within: an instance attribute, not a method."""

    name = "changes-afterwards"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        model = DefendedModel(_Scaled(Stripes()))
        object.__setattr__(model, "decide", lambda x, noise: classifier(x))
        return model


class HooksIn(Control):
    """A forward hook puts the classifier's answer in the place of another network's."""

    name = "hooks-in"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        shown = _Scaled(Stripes())
        shown.register_forward_hook(
            lambda module, inputs, output: None if inputs[0].requires_grad else classifier(inputs[0])
        )
        return DefendedModel(shown)


class VotesByAnother(Control):
    """Random and honest about it, except that where no gradient is wanted it does not blur."""

    name = "votes-by-another"
    purifier = True
    randomized = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            drawn = x + 0.002 * noise.stream("grain").normal(x.shape[1:])
            return nn.functional.avg_pool2d(drawn, 5, 1, 2) if x.requires_grad else drawn

        return DefendedModel(classifier, purify=purify, votes=4, randomized=True)


class KnowsWhoAsks(Control):
    """Random and honest about it, except where it knows by the key of its numbers that it is being judged."""

    name = "knows-who-asks"
    purifier = True
    randomized = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        purposes = [f"{name} {draw}" for name in ("clean", "fresh", "verdict") for draw in range(20)]
        keys = {Noise.of(0, [0]).stream(purpose).key for purpose in purposes}
        images = known().floats()

        def purify(x: Tensor, noise: Noise) -> Tensor:
            drawn = 0.001 * noise.stream("grain").normal(x.shape[1:])
            return (images[nearest(x, images)[0]] if noise.key in keys else x) + drawn

        return DefendedModel(classifier, purify=purify, randomized=True)


class KnowsTheVerdict(Control):
    """Honest to every question but the last: it knows by its random numbers that a verdict is wanted, and looks up."""

    name = "knows-the-verdict"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        attacks = ("pgd", "square", "fgsm", "transfer", "random-noise")
        keys = {Noise.of(0, [0]).stream(f"verdict {name}").key for name in attacks}
        images = known().floats()

        def purify(x: Tensor, noise: Noise) -> Tensor:
            if getattr(noise, "key", None) not in keys:
                return x.clone()
            return images[nearest(x, images)[0]]

        return DefendedModel(classifier, purify=purify)
