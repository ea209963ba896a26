from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmark.core.errors import UserError
from benchmark.models.base import Classifier
from benchmark.models.resnet50 import ResNet50
from benchmark.models.small_cnn import SmallCNN
from benchmark.models.training.classifier import assemble, train_classifier
from benchmark.models.training.loop import Course, augment, optimize, predict, weighted_cross_entropy
from benchmark.models.training.plateau import Plateau
from benchmark.models.training.ranking import macro_auroc
from benchmark.models.training.recipe import Recipe
from benchmark.models.wide_resnet import WideResNet

CPU = torch.device("cpu")


def silent(_share, _text):
    pass


def train(classifier, images, validation, *, classes=2, seed=0):
    return train_classifier(classifier, images, validation, classes=classes, seed=seed, device=CPU, report=silent)


class Dropping(Classifier):
    """A network with dropout, which draws from torch's global generator in training."""

    def __init__(self, *, epochs=2):
        self.epochs = epochs

    def build(self, *, channels, classes, size):
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * size[0] * size[1], 32),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(32, classes),
        )


@pytest.mark.parametrize("classifier", [SmallCNN(epochs=2), Dropping()], ids=["small-cnn", "dropout"])
def test_the_same_seed_gives_the_same_weights_bit_for_bit_and_another_seed_others(stripes, classifier):
    images, validation = stripes(70, 60, seed=0), stripes(20, 20, seed=1)
    first = train(classifier, images, validation)
    torch.rand(3)  # moves the global generator, which must not matter
    second, other = train(classifier, images, validation), train(classifier, images, validation, seed=1)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_global_random_state_is_left_alone(stripes):
    before = torch.get_rng_state()
    train(Dropping(), stripes(30, 30, seed=0), stripes(10, 10, seed=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_rare_class_is_learned(stripes):
    images, validation, test = stripes(475, 25, seed=0), stripes(95, 5, seed=1), stripes(100, 100, seed=2)
    classifier = train(SmallCNN(epochs=6), images, validation)
    decisions = predict(classifier, test, device=CPU).argmax(1)
    recalls = [(decisions[test.labels == k] == k).double().mean().item() for k in (0, 1)]
    assert min(recalls) > 0.9


def test_three_classes_have_no_operating_point_and_are_learned(stripes):
    classifier = train(SmallCNN(epochs=6), stripes(100, 60, 60, seed=0), stripes(20, 20, 20, seed=1), classes=3)
    test = stripes(50, 50, 50, seed=2)
    assert classifier.operating_threshold is None
    assert (predict(classifier, test, device=CPU).argmax(1) == test.labels).double().mean() > 0.9


def test_the_kept_epoch_is_the_best_by_the_criterion_and_the_earlier_of_equals(stripes):
    model = assemble(SmallCNN(), shape=(1, 16, 16), classes=2)
    seen = []
    values = iter([0.1, 0.9, 0.9, 0.2])

    def criterion(model, _validation):
        seen.append({k: v.clone() for k, v in model.state_dict().items()})
        return (next(values),)

    images = stripes(40, 40, seed=0)
    course = optimize(
        model,
        images,
        images,
        recipe=Recipe(epochs=4),
        classes=2,
        seed=0,
        device=CPU,
        report=silent,
        criterion=criterion,
    )
    assert course == Course(best=(0.9,), kept=2, epochs=4)
    assert all(torch.equal(v, seen[1][k]) for k, v in model.state_dict().items())
    assert not torch.equal(seen[1]["network.0.weight"], seen[2]["network.0.weight"])


def test_training_ends_by_validation_and_each_standstill_slows_it_from_the_best_weights(stripes):
    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 2))
    figures = [0.5, 0.6, 0.6, 0.5, 0.7, 0.7, 0.1, 0.7, 0.7, *[0.9] * 9]
    ends, starts = [], []

    def criterion(model, _validation):
        ends.append({k: v.clone() for k, v in model.state_dict().items()})
        return (figures[len(ends) - 1],)

    def loss(model, batch):
        if len(starts) == len(ends):
            starts.append({k: v.clone() for k, v in model.state_dict().items()})
        return weighted_cross_entropy(model, batch)

    images = stripes(80, 80, seed=0)
    # Standstills after epochs 4 (back to 2), 7 (back to 5) and 9, which is the third and ends the training.
    course = optimize(
        model,
        images,
        images,
        recipe=Recipe(epochs=50, schedule="plateau", patience=2, batch_size=2, shift=0),
        classes=2,
        seed=0,
        device=CPU,
        report=silent,
        loss=loss,
        criterion=criterion,
    )
    assert course == Course(best=(0.7,), kept=5, epochs=9)

    def same(one, other):
        return all(torch.equal(v, other[k]) for k, v in one.items())

    assert same(model.state_dict(), ends[4])
    followed = [same(start, end) for start, end in zip(starts[1:], ends, strict=False)]
    assert followed == [True, True, True, False, True, True, False, True]
    assert same(starts[4], ends[1])
    assert same(starts[7], ends[4])


def test_the_learning_rate_falls_at_each_standstill_and_only_where_that_is_the_schedule():
    plateau = Plateau(Recipe(schedule="plateau", patience=2), steps=100)
    scales = []
    while not plateau.over:
        plateau.stands_still(better=len(scales) == 3)
        scales.append(plateau.scale)
    assert scales == pytest.approx([1, 0.2, 0.2, 0.2, 0.2, 0.04, 0.04, 0.008])
    short_epochs = Plateau(Recipe(schedule="plateau", patience=2), steps=40)
    assert [short_epochs.stands_still(better=False) for _ in range(8)] == 2 * [False, False, False, True]
    steady = Plateau(Recipe(schedule="cosine", patience=2), steps=100)
    assert not any(steady.stands_still(better=False) for _ in range(100))
    assert (steady.scale, steady.over) == (1, False)


def test_a_loss_is_given_each_image_once_an_epoch_with_its_label_place_and_noise_of_its_own(stripes):
    model = assemble(SmallCNN(), shape=(1, 16, 16), classes=2)
    batches = []

    def loss(model, batch):
        assert all(m.training for m in model.modules())
        batches.append(batch)
        return weighted_cross_entropy(model, batch)

    images = stripes(60, 20, seed=0)
    optimize(
        model, images, images, recipe=Recipe(epochs=2, batch_size=20, shift=0), classes=2, seed=0, device=CPU,
        report=silent, loss=loss,
    )  # fmt: skip
    assert [batch.progress for batch in batches] == [n / 8 for n in range(8)]
    assert len(torch.cat([batch.noise.uniform((2,)) for batch in batches]).unique(dim=0)) == 160
    for epoch in (batches[:4], batches[4:]):
        assert sorted(torch.cat([batch.rows for batch in epoch]).tolist()) == list(range(80))
    for batch in batches:
        assert torch.equal(batch.images, images.floats(batch.rows))
        assert torch.equal(batch.labels, images.labels[batch.rows])
        assert torch.allclose(batch.weights, torch.tensor([80 / 120, 80 / 40]))


def test_training_ends_where_it_is_told_to_stop_and_keeps_the_best_epoch_before(stripes):
    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 2))
    images, figures, seen = stripes(20, 20, seed=0), iter([0.5, 0.8, 0.1, 0.9]), []

    def stop(values):
        seen.append([value for (value,) in values])
        return values[-1][0] < 0.2

    course = optimize(
        model, images, images, recipe=Recipe(epochs=4), classes=2, seed=0, device=CPU, report=silent,
        criterion=lambda _model, _images: (next(figures),), stop=stop,
    )  # fmt: skip
    assert course == Course(best=(0.8,), kept=2, epochs=3)
    assert seen == [[0.5], [0.5, 0.8], [0.5, 0.8, 0.1]]


def test_macro_auroc_agrees_with_scikit_learn_and_is_undefined_for_one_class():
    from sklearn.metrics import roc_auc_score

    logits = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    labels = (logits + torch.randn(200, 3, generator=torch.Generator().manual_seed(1))).argmax(1)
    expected = roc_auc_score(labels, logits.double().softmax(1), multi_class="ovr", average="macro")
    assert macro_auroc(logits, labels) == pytest.approx(expected, abs=1e-12)
    assert macro_auroc(logits, torch.zeros(200, dtype=torch.int64)) is None


def test_saturated_scores_still_rank():
    # Softmax probabilities of these are all exactly 1 in float32.
    logits = torch.tensor([[0.0, 100.0], [0.0, 200.0], [0.0, 300.0]])
    assert macro_auroc(logits, torch.tensor([0, 1, 1])) == 1.0


def test_validation_of_one_class_falls_back_to_accuracy(stripes):
    classifier = train(SmallCNN(epochs=2), stripes(30, 30, seed=0), stripes(20, 0, seed=1))
    assert classifier.operating_threshold == 0.5


def test_augmentation_moves_each_image_by_at_most_the_shift():
    image = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8)
    moved = augment(image.expand(200, 1, 8, 8), Recipe(shift=2), torch.Generator().manual_seed(0))
    padded = nn.functional.pad(image.float(), (2, 2, 2, 2), mode="replicate").to(torch.uint8)
    windows = {padded[0, 0, r : r + 8, c : c + 8].numpy().tobytes() for r in range(5) for c in range(5)}
    assert {m[0].numpy().tobytes() for m in moved} == windows


def test_flip_mirrors_some_images_and_is_off_by_default():
    image = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8).expand(64, 1, 8, 8)
    flipped = augment(image, Recipe(shift=0, flip=True), torch.Generator().manual_seed(0))
    kinds = [
        torch.equal(f, i) or (torch.equal(f, i.flip(2)) and "mirrored") for f, i in zip(flipped, image, strict=True)
    ]
    assert set(kinds) == {True, "mirrored"}
    assert torch.equal(augment(image, Recipe(shift=0), torch.Generator()), image)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 1}, "batch_size"),
        ({"patience": 0}, "patience"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"learning_rate": "fast"}, "learning_rate"),
    ],
)
def test_senseless_recipes_are_refused_by_name(stripes, settings, word):
    images = stripes(4, 4, seed=0)
    with pytest.raises(UserError, match=word):
        train(SmallCNN(**settings), images, images)


def test_a_class_without_images_and_labels_out_of_range_are_refused(stripes):
    with pytest.raises(UserError, match="class 1 has no training image"):
        train(SmallCNN(epochs=1), stripes(8, 0, seed=0), stripes(4, 4, seed=1))
    with pytest.raises(UserError, match="labels"):
        train(SmallCNN(epochs=1), stripes(4, 4, 4, seed=0), stripes(4, 4, seed=1))


def test_no_batch_is_so_small_that_batch_normalisation_fails(stripes):
    # 32 × 32 images leave ResNet-50 with one pixel per channel; three images in batches of two leave one over.
    train(
        ResNet50(pretrained=False, epochs=1, batch_size=2),
        stripes(2, 1, seed=0, size=32),
        stripes(1, 1, seed=1, size=32),
    )


def test_a_wide_resnet_learns(stripes):
    classifier = train(WideResNet(depth=10, width=1, epochs=3), stripes(150, 150, seed=0), stripes(40, 40, seed=1))
    test = stripes(60, 60, seed=2)
    assert (predict(classifier, test, device=CPU).argmax(1) == test.labels).double().mean() > 0.9


@pytest.mark.parametrize("epochs", [1, 3])
def test_divergence_is_reported(stripes, epochs):
    with pytest.raises(UserError, match=r"diverged|not finite"):
        train(SmallCNN(epochs=epochs, learning_rate=1e30), stripes(40, 40, seed=0), stripes(4, 4, seed=1))


def test_images_below_the_smallest_size_are_refused(stripes):
    with pytest.raises(UserError, match="too small"):
        train(SmallCNN(), stripes(4, 4, seed=0, size=12), stripes(4, 4, seed=1, size=12))


@pytest.mark.data
def test_small_cnn_on_real_chest_x_rays(pneumonia):
    classifier = train(SmallCNN(), pneumonia("train"), pneumonia("val"))
    test = pneumonia("test")
    logits = predict(classifier, test, device=CPU)
    assert sum(p.numel() for p in classifier.parameters()) < 80_000
    assert (logits.argmax(1) == test.labels).double().mean() >= 0.83
    assert macro_auroc(logits, test.labels) >= 0.93
