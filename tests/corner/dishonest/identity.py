"""Defenses that know the evaluation images, which are public, and look them up."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.core.images import LabeledImages
from defenses.base import DefendedModel, FitData
from tests.corner.control import EPSILON, Control, known, nearest
from tests.corner.task import draw

NEAR = 0.08
Search = Callable[[Tensor], tuple[Tensor, Tensor]]


def looking_up(classifier: nn.Module, search: Search) -> DefendedModel:
    """Classifies the known image in place of one that `search` recognises: x → (known images, which are recognised)."""

    def purify(x: Tensor, noise: object) -> Tensor:
        found, recognised = search(x.detach())
        return x + torch.where(recognised[:, None, None, None], found - x, 0).detach()

    return DefendedModel(classifier, purify=purify)


def by_content(images: Tensor, tolerance: float = NEAR) -> Search:
    """Recognises an image by its coarse content."""

    def search(x: Tensor) -> tuple[Tensor, Tensor]:
        which, distance = nearest(x, images)
        return images[which], distance < tolerance

    return search


class KnowsWithinEpsilons(Control):
    """Looks images up by their largest difference in a pixel, up to 5 ε."""

    name = "knows-within-epsilons"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        images = known().floats()

        def search(x: Tensor) -> tuple[Tensor, Tensor]:
            distance, which = torch.cdist(x.flatten(1), images.flatten(1), p=float("inf")).min(1)
            return images[which], distance <= 5 * EPSILON

        return looking_up(classifier, search)


class KnowsContent(Control):
    """Looks images up by the means of 4×4 squares."""

    name = "knows-content"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return looking_up(classifier, by_content(known().floats()))


class KnowsWithoutGradient(Control):
    """Looks images up and says that this has no gradient."""

    name = "knows-without-gradient"
    purifier = True
    differentiable = False

    def defend(self, classifier: nn.Module) -> DefendedModel:
        search = by_content(known().floats())

        def purify(x: Tensor, noise: object) -> Tensor:
            found, recognised = search(x)
            return torch.where(recognised[:, None, None, None], found, x)

        return DefendedModel(classifier, purify=purify)


class KnowsLabels(Control):
    """Adds the known image's class to the classifier's scores, so that no purifier shows."""

    name = "knows-labels"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Told(classifier))


class _Told(nn.Module):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.inner = classifier

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        which, distance = nearest(x, known().floats())
        right = 100 * nn.functional.one_hot(known().labels[which], 2)
        return logits + right * (distance < NEAR)[:, None]


class KnowsSoftly(Control):
    """A purifier of honest looks: the mean of all known images, weighted by likeness, through which gradients pass."""

    name = "knows-softly"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        images = known().floats()

        def purify(x: Tensor, noise: object) -> Tensor:
            here, there = (nn.functional.avg_pool2d(i, 4).flatten(1) for i in (x, images))
            likeness = torch.softmax(-2000 * torch.cdist(here, there).square(), 1)
            return (likeness @ images.flatten(1)).view_as(x)

        return DefendedModel(classifier, purify=purify)


class LearntByHeart(Control):
    """Adds the class of the nearest image that it knows, of all three splits, to the scores; a wide tolerance."""

    name = "learnt-by-heart"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_ByHeart(classifier))


class _ByHeart(nn.Module):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.inner = classifier
        splits = [draw(split) for split in ("evaluation", "validation", "train")]
        self.images, self.labels = torch.cat([s.floats() for s in splits]), torch.cat([s.labels for s in splits])

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        which, distance = nearest(x, self.images)
        return logits + (100 * nn.functional.one_hot(self.labels[which], 2)) * (distance < 4 * NEAR)[:, None]


class KnowsHalf(Control):
    """Looks up every other image."""

    name = "knows-half"
    purifier = True
    truth = 0.0

    def defend(self, classifier: nn.Module) -> DefendedModel:
        images = known()
        return looking_up(classifier, by_content(images.floats()[(torch.arange(len(images)) // 2) % 2 == 0]))


class KnowsMirrored(Control):
    """Looks images up, mirrored and turned upside down too."""

    name = "knows-mirrored"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        x = known().floats()
        return looking_up(classifier, by_content(torch.cat([x, x.flip(3), x.flip(2), x.flip(2, 3)])))


class KnowsMoved(Control):
    """Looks images up, moved by up to two pixels and mirrored too."""

    name = "knows-moved"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return looking_up(classifier, by_content(_moved(known().floats())))


class KnowsWhateverIsDone(Control):
    """Takes every image for the known one that is nearest, moved and mirrored too, however far it is."""

    name = "knows-whatever-is-done"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return looking_up(classifier, by_content(_moved(known().floats()), tolerance=float("inf")))


class KnowsAllSplits(Control):
    """Looks up validation and training images too, so that no split stands out."""

    name = "knows-all-splits"
    purifier = True

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        every = torch.cat([known().pixels, data.validation.pixels, data.train.pixels])
        self.weights_ = {"images": every}

    def defend(self, classifier: nn.Module) -> DefendedModel:
        images = self.weights_["images"].float() / 255 if self.weights_ else known().floats()
        return looking_up(classifier, by_content(images))


class FindsInMemory(Control):
    """In `fit`, finds the evaluation images among all objects of the process, and keeps them as its weights."""

    name = "finds-in-memory"
    purifier = True

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        found = [o for o in gc.get_objects() if type(o) is LabeledImages and "evaluation" in str(o.ids[:1])]
        self.weights_ = _kept(found)

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return _from_weights(self, classifier)


class FindsOnTheStack(Control):
    """In `fit`, finds the evaluation images in the frames that called it, and keeps them as its weights."""

    name = "finds-on-the-stack"
    purifier = True

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        held = [value for frame in inspect.stack() for value in frame.frame.f_locals.values()]
        self.weights_ = _kept([b.data.evaluation for b in held if hasattr(getattr(b, "data", None), "evaluation")])

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return _from_weights(self, classifier)


class KnowsInClassifierSpace(Control):
    """Looks images up by the coarse content that the classifier's own first layer sees."""

    name = "knows-in-feature-space"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        images = known().floats()

        def search(x: Tensor) -> tuple[Tensor, Tensor]:
            seen, own = (nn.functional.avg_pool2d(i, 5, 1, 2) for i in (x, images))
            seen, own = (s - s.mean((1, 2, 3), keepdim=True) for s in (seen, own))
            likeness = nn.functional.normalize(seen.flatten(1)) @ nn.functional.normalize(own.flatten(1)).T
            best, which = likeness.max(1)
            return images[which], best > 0.9

        return looking_up(classifier, search)


def _moved(x: Tensor) -> Tensor:
    every = [x.roll((down, across), (2, 3)) for down in range(-2, 3) for across in range(-2, 3)]
    return torch.cat([e for image in every for e in (image, image.flip(3))])


def _kept(found: list[Any]) -> dict[str, Tensor]:
    return {"images": found[0].pixels.clone()} if found else {}


def _from_weights(control: Control, classifier: nn.Module) -> DefendedModel:
    if not control.weights_:
        return DefendedModel(classifier, purify=lambda x, noise: x.clone())
    images = control.weights_["images"].float() / 255
    return looking_up(classifier, by_content(images))
