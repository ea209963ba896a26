"""The contract of a classifier."""

from __future__ import annotations

import torch

from benchmark.core.features import recording
from benchmark.core.frozen import frozen
from benchmark.core.noise import Noise
from benchmark.models.base import Classifier
from benchmark.models.training.classifier import assemble
from benchmark.models.training.reading import gives_probabilities
from benchmark.testing.claims import Claims
from benchmark.testing.isolation import global_randomness
from benchmark.testing.settings import check_settings, instance_of

_IMAGES = 8


def check_classifier(classifier: Classifier | type[Classifier]) -> None:
    """Check that a classifier keeps its contract: untrained networks for two small tasks are built and asked.

    It gives logits (not probabilities) for grayscale and color images, square or not, of any batch, with a gradient
    that reaches the image, hidden features that can be read, and without touching the global random state.

    Raises:
        AssertionError: Saying what is broken.
    """
    classifier = instance_of(classifier, Classifier)  # type: ignore[type-abstract]
    claims = Claims(classifier)
    check_settings(classifier, claims)
    side = max(28, classifier.minimum_size)
    for shape, classes in (((1, side, side), 2), ((3, side + 4, side), 3)):
        _check_network(classifier, claims, shape, classes)


def _check_network(classifier: Classifier, claims: Claims, shape: tuple[int, int, int], classes: int) -> None:
    task = f"images of shape {shape} and {classes} classes"
    with claims.works(f"build a network for {task}"), global_randomness(claims, "builds its network", seed=1):
        network = assemble(classifier, shape=shape, classes=classes, seed=0)
        again = assemble(classifier, shape=shape, classes=classes, seed=0)
    claims.holds(
        all(torch.equal(a, b) for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True)),
        "starts from other weights when it is built again with the same seed",
    )
    x = Noise.of(0, range(_IMAGES)).uniform(shape).requires_grad_()
    with claims.works(f"classify {task}"), frozen(network), recording(network) as features:
        logits = network(x)
    claims.holds(bool(logits.isfinite().all()), "gives logits that are not finite")
    claims.holds(not gives_probabilities(logits), "gives probabilities, not logits: leave out the softmax or sigmoid")
    claims.holds(len(features.layers) > 0 and features.penultimate is not None, "has no features that can be read")
    with frozen(network), torch.no_grad():
        alone = torch.cat([network(x[i : i + 1]) for i in range(_IMAGES)])
    claims.holds(
        torch.allclose(alone, logits.detach(), rtol=1e-4, atol=1e-4), "gives an image other logits in another batch"
    )
    with claims.works("be differentiated with respect to the image"):
        (gradient,) = torch.autograd.grad((logits[:, 0] - logits[:, 1]).sum(), x)
    claims.holds(bool((gradient != 0).any()), "has a gradient that is zero everywhere")
