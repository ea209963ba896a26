"""Making a classifier from its plug-in: built, started from its weights, trained, and given its operating point."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.models.base import Classifier
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.loop import EVALUATION_BATCH, Course, optimize, predict, seeded
from benchmark.models.training.operating_point import youden_logit


def assemble(classifier: Classifier, *, shape: tuple[int, int, int], classes: int, seed: int = 0) -> DeployedClassifier:
    """The classifier for images of `shape` (channels, height, width), untrained, on the CPU.

    What saved weights are loaded into; nothing is downloaded. Torch's global random state is left as it was.
    """
    channels, height, width = shape
    classifier.check_size((height, width))
    with seeded(seed, torch.device("cpu")):
        network = classifier.build(channels=3 if classifier.rgb else channels, classes=classes, size=(height, width))
    return DeployedClassifier(
        network, channels=channels, classes=classes, rgb=classifier.rgb, reading=classifier.reading(network)
    )


def train_classifier(
    classifier: Classifier,
    train: LabeledImages,
    validation: LabeledImages,
    *,
    classes: int,
    seed: int,
    device: torch.device,
    report: Callable[[float, str], None],
) -> DeployedClassifier:
    """Build and train `classifier` as `make_classifier` does, without the course of its training."""
    return make_classifier(classifier, train, validation, classes=classes, seed=seed, device=device, report=report)[0]


def make_classifier(
    classifier: Classifier,
    train: LabeledImages,
    validation: LabeledImages,
    *,
    classes: int,
    seed: int,
    device: torch.device,
    report: Callable[[float, str], None],
) -> tuple[DeployedClassifier, Course | None]:
    """Build and train `classifier`: in eval mode on `device`, and how its training went, if it was trained.

    The epoch with the best validation AUROC is kept, and for two classes the operating threshold is the classifier's
    own, or else the one with the largest Youden index on the validation images. The same arguments on the same machine
    give the same weights bit for bit.

    Raises:
        UserError: A class without training images, images too small, training that diverges, or a network that
            gives probabilities.
    """
    deployed = assemble(classifier, shape=train.shape, classes=classes, seed=seed)
    deployed.normalize(*classifier.normalization(train))
    classifier.initialize(deployed.network)
    deployed.to(device)
    course = None
    if classifier.trains:
        recipe = classifier.recipe()
        course = optimize(
            deployed, train, validation, recipe=recipe, classes=classes, seed=seed, device=device, report=report
        )
    complete(classifier, deployed, validation, device=device)
    return deployed, course


def complete(
    classifier: Classifier, deployed: DeployedClassifier, validation: LabeledImages, *, device: torch.device
) -> None:
    """Give a network with its weights its operating point, and leave it in eval mode.

    Raises:
        UserError: Its outputs are not what they are said to be, or it has a threshold and more than two classes.
    """
    deployed.eval()
    _refuse_other_outputs(classifier, deployed, validation, device)
    threshold = classifier.decision_threshold()
    if threshold is not None and deployed.classes != 2:
        raise UserError(
            f"a threshold makes no sense for {deployed.classes} classes",
            where=f"classifier {classifier.name!r}",
            remedy="leave it out: the class with the largest logit is said",
        )
    if threshold is None:
        choose_operating_point(deployed, validation, device=device)
    else:
        deployed.set_operating_logit(math.log(threshold / (1 - threshold)))


def choose_operating_point(deployed: DeployedClassifier, validation: LabeledImages, *, device: torch.device) -> None:
    """Set the threshold with the largest Youden index on `validation`.

    For more than two classes, and without validation images, the argmax stays.
    """
    if deployed.classes != 2 or not len(validation):
        return
    deployed.set_operating_logit(0.0)
    logits = predict(deployed, validation, device=device)
    deployed.set_operating_logit(youden_logit(logits[:, 1] - logits[:, 0], validation.labels))


def _refuse_other_outputs(
    classifier: Classifier, deployed: DeployedClassifier, validation: LabeledImages, device: torch.device
) -> None:
    if not len(validation):
        return
    x = validation.floats(slice(0, EVALUATION_BATCH), device=device)
    outputs = []
    handle = deployed.network.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    try:
        with frozen(deployed), torch.no_grad():
            deployed(x)
    finally:
        handle.remove()
    problem = deployed.reading.contradiction(outputs[0])
    if problem:
        raise UserError(
            problem,
            where=f"classifier {classifier.name!r}",
            remedy='leave out its final softmax or sigmoid; where that cannot be, a module says outputs = "sigmoid" '
            'or "softmax", and its gradients vanish where it is sure',
        )
