from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from benchmark.core.errors import UserError
from benchmark.core.features import recording
from detectors.maha import Mahalanobis, _gradient


@pytest.mark.parametrize("magnitude", [1e-5, 5e-4])
def test_the_input_step_brings_images_closer_to_the_mean(image_data, magnitude):
    still, stepping = Mahalanobis(magnitude=0.0), Mahalanobis(magnitude=magnitude)
    still.fit(image_data)
    stepping.fit(image_data)
    for features in (image_data.clean, image_data.noisy, image_data.adversarial):
        before, after = still.distances(features), stepping.distances(features)
        assert (after <= before * (1 + 1e-5)).all()
        assert (after < before).mean() > 0.9


def test_a_step_of_no_length_is_no_step(image_data):
    still, tiny = Mahalanobis(magnitude=0.0), Mahalanobis(magnitude=1e-30)
    still.fit(image_data)
    tiny.fit(image_data)
    assert tiny.distances(image_data.clean) == pytest.approx(still.distances(image_data.clean), rel=1e-4)


def test_the_gradient_of_the_input_step_is_the_derivative_of_the_distance(image_data, watch):
    detector = Mahalanobis(magnitude=0.0)
    detector.fit(image_data)
    network = image_data.clean.classifier.eval()
    x = image_data.clean.images[:8].clone().requires_grad_()
    with recording(network) as features:
        network(x)
    gradient = _gradient(features.layers[0], detector.gaussians_[0], x).detach()
    network.train()
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    h = 1e-2
    slope = [detector.distances(watch(x.detach() + sign * h * direction))[:, 0] for sign in (1, -1)]
    numeric = (slope[0] - slope[1]) / (2 * h)
    analytic = (gradient * direction).flatten(1).sum(1).numpy()
    # The gradient is known up to a positive factor per image, so signs must agree where the slope is not small.
    clear = np.abs(numeric) > 0.1 * np.abs(numeric).max()
    assert clear.any()
    assert np.array_equal(np.sign(analytic[clear]), np.sign(numeric[clear]))


def test_scoring_leaves_the_classifier_as_it_was(image_data):
    network = image_data.clean.classifier.train()
    running_mean = network[3].running_mean.clone()
    detector = Mahalanobis()
    detector.fit(image_data)
    detector.score(image_data.adversarial)
    assert network.training
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert torch.equal(network[3].running_mean, running_mean)


def test_the_score_of_an_image_does_not_depend_on_its_batch(image_data, watch):
    detector = Mahalanobis()
    detector.fit(image_data)
    images = image_data.adversarial.images[:11]
    together = detector.score(watch(images))
    alone = np.concatenate([detector.score(watch(image[None])) for image in images])
    assert alone == pytest.approx(together, rel=1e-4, abs=1e-4)


def test_features_of_other_images_are_not_stepped_silently(image_data):
    # Behind a purifier the classifier sees other images than the detector is shown.
    detector = Mahalanobis()
    detector.fit(image_data)
    purified = dataclasses.replace(image_data.clean, images=image_data.clean.images * 0.9)
    with pytest.raises(UserError, match="set magnitude to 0"):
        detector.score(purified)
    still = Mahalanobis(magnitude=0.0)
    still.fit(image_data)
    assert still.score(purified) == pytest.approx(still.score(image_data.clean))


def test_a_negative_magnitude_is_refused(image_data):
    with pytest.raises(UserError, match=r"magnitude is -0\.1"):
        Mahalanobis(magnitude=-0.1).fit(image_data)


def test_a_class_without_reference_images_is_reported(image_data):
    labels = np.ones_like(image_data.reference_labels)
    with pytest.raises(UserError, match="class 0 has 0 clean reference images"):
        Mahalanobis().fit(dataclasses.replace(image_data, reference_labels=labels))


def test_an_empty_set_has_no_scores(image_data, watch):
    detector = Mahalanobis()
    detector.fit(image_data)
    empty = dataclasses.replace(
        image_data.clean,
        images=image_data.clean.images[:0],
        layers=tuple(layer[:0] for layer in image_data.clean.layers),
        penultimate=image_data.clean.penultimate[:0],
        logits=image_data.clean.logits[:0],
    )
    assert detector.score(empty).shape == (0,)
