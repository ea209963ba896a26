from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import gaussian_kde
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from attacks.base import Aids, Attack, AttackError, Composition, Outcome, Stop
from attacks.bim import BIM
from attacks.closest_guide import ClosestGuide
from attacks.detector_min import DetectorMin
from attacks.gradients.antithetic import antithetic_gradient
from attacks.kde_min import KDEMin
from attacks.lid_min import LIDMin
from attacks.objectives import closest_guide, random_guide
from attacks.objectives.aim import Aim
from attacks.objectives.cross_entropy import CrossEntropy
from attacks.objectives.detector_score import KnownDetector
from attacks.objectives.target_density import TargetDensity
from attacks.random_guide import RandomGuide
from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.features import Features, recording
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.statistics.kernel_density import KernelDensity
from benchmark.core.statistics.local_dimension import local_dimension
from benchmark.core.threat import Epsilon, Norm
from benchmark.steps.detector_fitting import feature_set
from benchmark.testing.extraction import extract
from detectors.base import Detector, DetectorData, FeatureSet
from detectors.kd import KernelDensity as KernelDensityDetector
from detectors.lid import LocalIntrinsicDimension
from detectors.maha import Mahalanobis
from detectors.svm import SupportVectorMachine
from tests.attacks.networks import decisions, small_network

EPSILON = Epsilon.parse("8/255")
COUNT = 200
SELF_CONTAINED = [
    RandomGuide(steps=5),
    ClosestGuide(steps=5),
    KDEMin(steps=5),
    LIDMin(steps=5),
]


def train_images() -> LabeledImages:
    pixels = (255 * (0.2 + 0.6 * Noise.of(11, range(COUNT)).uniform((1, 12, 12)))).to(torch.uint8)
    return LabeledImages(pixels, torch.arange(COUNT) % 2, tuple(map(str, range(COUNT))))


@pytest.fixture
def network() -> nn.Module:
    """The untrained network, with its decision moved to where half of the images are of either class."""
    network = small_network()
    with torch.no_grad():
        logits = network(train_images().floats())
        network[-1].bias[0] += (logits[:, 1] - logits[:, 0]).median()
    return network


def see(network: nn.Module, x: Tensor) -> tuple[Features, Tensor]:
    with recording(network) as features:
        logits = network(x)
    return features, logits


def view(network: nn.Module, x: Tensor) -> FeatureSet:
    with torch.no_grad():
        return feature_set(x, *see(network, x), network)


def watch(detector: Detector, network: nn.Module, *, differentiable: bool) -> KnownDetector:
    """`detector`, fitted on drawn images and on BIM's, for the attacker."""
    train = train_images()
    x = train.floats()[:60]
    labels = decisions(network, x)
    bim = attack(BIM(steps=10), network, x, Aim(labels, 1 - labels)).adversarial
    noisy = (x + 0.02 * Noise.of(3, range(60)).normal((1, 12, 12))).clamp(0, 1)
    clean = view(network, x)
    detector.fit(
        DetectorData(
            reference=view(network, train.floats()),
            # Of drawn labels no class would look like anything.
            reference_labels=decisions(network, train.floats()).numpy(),
            clean=clean,
            noisy=view(network, noisy),
            adversarial=view(network, bim),
            groups=np.arange(60),
            seed=0,
        )
    )
    center, spread = float(np.median(detector.score(clean))), float(detector.score(clean).std())

    def score(images: Tensor, features: Features, logits: Tensor) -> Tensor:
        return torch.from_numpy((detector.score(feature_set(images, features, logits, network)) - center) / spread)

    def slope(features: Features, logits: Tensor) -> Tensor:
        value = detector.differentiable_score(features.layers, features.penultimate, logits)
        return (value - center) / spread

    return KnownDetector(detector.name, score, slope if differentiable else None)


def attack(
    method: Attack, network: nn.Module, x: Tensor, aim: Aim, *, detector: KnownDetector | None = None
) -> Outcome:
    model, noise = DefendedModel(network), Noise.of(0, range(len(x)))
    objective = method.default_objective()
    if objective.needs_features:
        train = train_images()
        objective.fit(extract(network, iter(train.floats().split(50))), train.labels, 2)
    composition = Composition(Norm.LINF, EPSILON, objective, stop=Stop.NEVER)
    cpu = torch.device("cpu")
    method.prepare(Aids(model, composition, train_images(), 2, (), 0, cpu, detector))
    return method(model, x, aim, noise, composition)


def away(network: nn.Module, x: Tensor) -> Aim:
    labels = decisions(network, x)
    return Aim(labels, 1 - labels)


def scored(outcome: Outcome, network: nn.Module, detector: KnownDetector) -> Tensor:
    with torch.no_grad():
        features, logits = see(network, outcome.adversarial)
    return detector.score(outcome.adversarial, features, logits)


# What holds of all


@pytest.mark.parametrize("method", SELF_CONTAINED, ids=lambda a: a.name)
def test_how_images_are_batched_does_not_matter(method: Attack, network: nn.Module, images: Tensor) -> None:
    aim = away(network, images)
    whole = attack(method, network, images, aim).adversarial
    objective = method.default_objective()
    train = train_images()
    objective.fit(extract(network, iter(train.floats().split(50))), train.labels, 2)
    composition = Composition(Norm.LINF, EPSILON, objective, stop=Stop.NEVER)
    for part in (torch.arange(16, 24), torch.tensor([9, 3, 12, 1]), torch.tensor([5])):
        outcome = method(DefendedModel(network), images[part], aim[part], Noise.of(0, part), composition)
        assert torch.allclose(outcome.adversarial, whole[part], atol=1e-6)


@pytest.mark.parametrize(
    "method",
    [RandomGuide(weight=0.0), ClosestGuide(weight=0.0), KDEMin(weight=0.0), LIDMin(weight=0.0)],
    ids=lambda a: a.name,
)
def test_without_weight_each_is_bim_bit_for_bit(method: Attack, network: nn.Module, images: Tensor) -> None:
    aim = away(network, images)
    base = attack(BIM(steps=40), network, images, aim)
    assert torch.equal(attack(method, network, images, aim).adversarial, base.adversarial)


@pytest.mark.parametrize("differentiable", [True, False])
def test_without_weight_detector_min_is_bim(differentiable: bool, network: nn.Module, images: Tensor) -> None:
    aim = away(network, images)
    detector = watch(KernelDensityDetector(), network, differentiable=differentiable)
    outcome = attack(DetectorMin(weight=0.0), network, images, aim, detector=detector)
    assert torch.equal(outcome.adversarial, attack(BIM(steps=40), network, images, aim).adversarial)


@pytest.mark.parametrize("method", [*SELF_CONTAINED, DetectorMin(steps=4, pairs=4)], ids=lambda a: a.name)
def test_color_and_three_classes_with_and_without_targets(method: Attack) -> None:
    network = small_network(3, 3, (14, 10))
    x = 0.2 + 0.6 * Noise.of(7, range(24)).uniform((3, 14, 10))
    train = 0.2 + 0.6 * Noise.of(8, range(120)).uniform((3, 14, 10))
    labels = decisions(network, x)
    objective = method.default_objective()
    objective.fit(extract(network, iter([train])), torch.arange(120) % 3, 3)

    def score(images: Tensor, features: Features, logits: Tensor) -> Tensor:
        return 100 * features.layers[0].mean(1)

    composition = Composition(Norm.LINF, EPSILON, objective, stop=Stop.NEVER)
    blank = LabeledImages(torch.zeros(1, 3, 14, 10, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64), ("0",))
    model, detector = DefendedModel(network), KnownDetector("brightness", score)
    method.prepare(Aids(model, composition, blank, 3, (), 0, torch.device("cpu"), detector))
    for targets in (None, (labels + 1) % 3):
        outcome = method(model, x, Aim(labels, targets), Noise.of(0, range(24)), composition)
        moved = (outcome.adversarial - x).abs().flatten(1).amax(1)
        assert (moved > 1 / 255).all()
        assert (moved <= EPSILON.value + 1e-6).all()


# Guides


def test_a_random_guide_depends_on_the_image_alone(network: nn.Module, images: Tensor) -> None:
    def guides(ids: Tensor, wanted: Tensor, seed: int = 0) -> Tensor:
        objective = random_guide.RandomGuide(base=None, seed=seed)
        train = train_images()
        objective.fit(extract(network, iter([train.floats()])), train.labels, 2)
        return objective.choose([], ids, wanted)

    ids, wanted = torch.arange(500), torch.arange(500) % 2
    together = guides(ids, wanted)
    assert torch.equal(guides(ids.flip(0)[:7], wanted.flip(0)[:7]), together.flip(0)[:7])
    assert torch.equal(together % 2, wanted)
    # 500 draws from 2 × 100 guides meet nearly all of them, and another seed draws others.
    assert len(together.unique()) > 170
    assert (guides(ids, wanted, seed=1) == together).float().mean() < 0.05


def test_the_closest_guide_is_the_closest_and_stays(network: nn.Module, images: Tensor) -> None:
    objective = closest_guide.ClosestGuide(base=None)
    train = train_images()
    features = extract(network, iter([train.floats()]))
    objective.fit(features, train.labels, 2)
    with torch.no_grad():
        seen, _ = see(network, images)
        later, _ = see(network, 1 - images)
    wanted = torch.arange(24) % 2
    assert features.penultimate is not None
    assert seen.penultimate is not None
    expected = []
    for i in range(24):
        pairs = zip([*seen.layers, seen.penultimate], [*features.layers, features.penultimate], strict=True)
        distance = torch.stack([(f[i] - g).square().sum(1) for f, g in pairs]).sum(0)
        distance[train.labels != wanted[i]] = float("inf")
        expected.append(int(distance.argmin()))
    assert later.penultimate is not None
    layers, moved = [*seen.layers, seen.penultimate], [*later.layers, later.penultimate]
    assert objective.choose(layers, torch.arange(24), wanted).tolist() == expected
    assert objective.choose(moved, torch.arange(24), wanted).tolist() == expected
    assert objective.choose(moved, torch.arange(24), 1 - wanted).tolist() != expected


@pytest.mark.parametrize("guide", [random_guide.RandomGuide, closest_guide.ClosestGuide])
def test_features_come_nearer_to_the_guide_s(guide: type, network: nn.Module, images: Tensor) -> None:
    objective = guide(base=None)
    train = train_images()
    objective.fit(extract(network, iter([train.floats()])), train.labels, 2)
    labels = decisions(network, images)
    aim = Aim(labels, 1 - labels, torch.arange(24))

    def mismatch(x: Tensor) -> Tensor:
        with torch.no_grad():
            features, logits = see(network, x)
        return objective.penalty(logits, features, aim)

    before = mismatch(images)
    composition = Composition(Norm.LINF, EPSILON, objective, stop=Stop.NEVER)
    outcome = BIM(steps=20)(DefendedModel(network), images, aim, Noise.of(0, range(24)), composition)
    after = mismatch(outcome.adversarial)
    assert (after < before).all()
    assert after.mean() < 0.7 * before.mean()


def test_an_image_that_is_its_own_guide_stays_as_it_is(network: nn.Module, images: Tensor) -> None:
    labels = decisions(network, images)
    objective = ClosestGuide(cross_entropy=False).default_objective()
    objective.fit(extract(network, iter([images])), 1 - labels, 2)
    composition = Composition(Norm.LINF, EPSILON, objective, stop=Stop.NEVER)
    outcome = ClosestGuide(cross_entropy=False)(
        DefendedModel(network), images, Aim(labels, 1 - labels), Noise.of(0, range(24)), composition
    )
    assert torch.equal(outcome.adversarial, images)


def test_a_class_without_a_guide_is_an_error(network: nn.Module, images: Tensor) -> None:
    features = extract(network, iter([images]))
    with pytest.raises(UserError, match="class 1 has no training image"):
        RandomGuide().default_objective().fit(features, torch.zeros(24, dtype=torch.int64), 2)


# Density


def test_the_density_is_scipy_s_in_one_dimension() -> None:
    points = torch.randn(80, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3 + 1
    queries = torch.linspace(-15, 15, 40, dtype=torch.float64)[:, None]
    ours = TargetDensity(base=None)._density(points).log_density(queries)
    assert np.allclose(ours, gaussian_kde(points.numpy().T).logpdf(queries.numpy().T))


def test_the_density_is_scipy_s_where_directions_vary_alike() -> None:
    points = torch.randn(300, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    points = points - points.mean(0)
    white = torch.linalg.cholesky(torch.linalg.inv(points.T @ points / 299))
    points = points @ white
    queries = 2 * torch.randn(50, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    density = TargetDensity(base=None)._density(points)
    oracle = gaussian_kde(points.numpy().T)
    assert density.bandwidth == pytest.approx(oracle.factor)
    assert np.allclose(density.log_density(queries), oracle.logpdf(queries.numpy().T))
    alone = [
        KernelDensity(torch.cat([points[:i], points[i + 1 :]]), density.bandwidth).log_density(points[i : i + 1])
        for i in range(300)
    ]
    assert -float(density.left_out().median()) == pytest.approx(-float(torch.cat(alone).median()), rel=1e-9)


def test_far_away_the_density_neither_underflows_nor_loses_its_gradient() -> None:
    points = torch.zeros(2, 64, dtype=torch.float64)
    density = KernelDensity(points, 0.5)
    query = torch.full((1, 64), 100.0, dtype=torch.float64, requires_grad=True)
    value = density.log_density(query)
    expected = -32 * math.log(2 * math.pi * 0.25) - 64 * 100.0**2 / 0.5
    assert float(value.detach()) == pytest.approx(expected)
    assert torch.allclose(torch.autograd.grad(value.sum(), query)[0], -query / 0.25)


def test_kde_min_makes_images_likelier_for_the_wanted_class(network: nn.Module, images: Tensor) -> None:
    aim = away(network, images)
    objective = KDEMin().default_objective()
    train = train_images()
    objective.fit(extract(network, iter([train.floats()])), decisions(network, train.floats()), 2)

    def excess(x: Tensor) -> Tensor:
        with torch.no_grad():
            features, logits = see(network, x)
        return objective.penalty(logits, features, aim)

    model, noise = DefendedModel(network), Noise.of(0, range(24))
    hidden, base = (
        BIM(steps=40)(model, images, aim, noise, Composition(Norm.LINF, EPSILON, o, stop=Stop.NEVER)).adversarial
        for o in (objective, CrossEntropy())
    )
    assert excess(hidden).mean() < 0.5 * excess(base).mean()


# Local intrinsic dimension


def test_nothing_but_copies_of_the_query_has_no_dimension_and_no_gradient() -> None:
    query = torch.ones(1, 4, requires_grad=True)
    value = local_dimension(query, torch.ones(30, 4), 5)
    assert float(value.detach()) == 0
    assert torch.equal(torch.autograd.grad(value.sum(), query)[0], torch.zeros(1, 4))


def test_the_local_dimension_s_gradient_is_its_slope() -> None:
    generator = torch.Generator().manual_seed(0)
    reference = torch.randn(60, 5, dtype=torch.float64, generator=generator)
    queries = torch.randn(6, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(lambda q: local_dimension(q, reference, 10), queries, eps=1e-7)


def test_lid_min_lowers_the_dimension_below_bim_s(network: nn.Module, images: Tensor) -> None:
    aim = away(network, images)
    objective = LIDMin().default_objective()
    train = train_images()
    objective.fit(extract(network, iter([train.floats()])), train.labels, 2)

    def relative(outcome: Outcome) -> Tensor:
        with torch.no_grad():
            features, logits = see(network, outcome.adversarial)
        return objective.penalty(logits, features, aim)

    hidden, base = (attack(m, network, images, aim) for m in (LIDMin(steps=20), BIM(steps=20)))
    assert relative(hidden).mean() < 0.9 * relative(base).mean()


# The score of one detector


@pytest.mark.parametrize(
    "detector",
    [KernelDensityDetector(), LocalIntrinsicDimension(), Mahalanobis(magnitude=0.0), SupportVectorMachine()],
    ids=lambda d: d.name,
)
def test_the_differentiable_score_is_the_score(detector: Detector, network: nn.Module, images: Tensor) -> None:
    detector = watch(detector, network, differentiable=True)
    with torch.no_grad():
        features, logits = see(network, images)
    assert detector.differentiable_score is not None
    slope = detector.differentiable_score(features, logits)
    assert torch.allclose(slope, detector.score(images, features, logits), rtol=1e-3, atol=1e-3)


def test_maha_s_stand_in_without_its_input_step_ranks_images_alike(network: nn.Module, images: Tensor) -> None:
    detector = watch(Mahalanobis(), network, differentiable=True)
    aim = away(network, images)
    both = torch.cat([images, attack(BIM(steps=10), network, images, aim).adversarial])
    with torch.no_grad():
        features, logits = see(network, both)
    assert detector.differentiable_score is not None
    stand_in = detector.differentiable_score(features, logits)
    assert float(torch.corrcoef(torch.stack([stand_in, detector.score(both, features, logits)]))[0, 1]) > 0.99


def test_queries_find_the_direction_of_the_gradient(network: nn.Module, images: Tensor) -> None:
    detector = watch(KernelDensityDetector(bandwidth=2.0), network, differentiable=True)
    x = images.clone().requires_grad_(True)
    assert detector.differentiable_score is not None
    exact = torch.autograd.grad(detector.differentiable_score(*see(network, x)).sum(), x)[0]

    def score(queries: Tensor, rows: Tensor, draws: Noise) -> Tensor:
        with torch.no_grad():
            features, logits = see(network, queries)
        return detector.score(queries, features, logits)

    def agreement(pairs: int) -> float:
        noise = Noise.of(5, range(24))
        estimate, _ = antithetic_gradient(score, images, noise, pairs=pairs, sigma=1 / 255, signs=True)
        return float(cosine_similarity(estimate.flatten(1), exact.flatten(1)).mean())

    # Of d pixels, q random directions catch a share whose cosine is about √(q / (q + d)).
    pixels = 144
    for pairs in (16, 150):
        assert agreement(pairs) == pytest.approx(math.sqrt(pairs / (pairs + pixels)), abs=0.08)
    assert agreement(150) > 0.5


@pytest.mark.parametrize("differentiable", [True, False], ids=["gradient", "queries"])
@pytest.mark.parametrize("detector", [KernelDensityDetector(), SupportVectorMachine()], ids=lambda d: d.name)
def test_detector_min_lowers_the_score(
    detector: Detector, differentiable: bool, network: nn.Module, images: Tensor
) -> None:
    detector = watch(detector, network, differentiable=differentiable)
    aim = away(network, images)
    base = scored(attack(BIM(steps=20), network, images, aim), network, detector)
    hidden = scored(attack(DetectorMin(steps=20), network, images, aim, detector=detector), network, detector)
    assert hidden.mean() < base.mean() - 0.25


def test_detector_min_submits_the_least_conspicuous_success(network: nn.Module, images: Tensor) -> None:
    detector = watch(KernelDensityDetector(), network, differentiable=True)
    assert detector.differentiable_score is not None
    aim, levels = away(network, images), []

    def noting(features: Features, logits: Tensor) -> Tensor:
        value = detector.differentiable_score(features, logits)
        levels.append(value.detach().clamp_min(0).masked_fill(~aim.reached(logits), math.inf))
        return value

    outcome = attack(
        DetectorMin(steps=20), network, images, aim, detector=KnownDetector(detector.name, detector.score, noting)
    )
    lowest = torch.stack(levels).amin(0)
    fallen = lowest.isfinite()
    assert int(fallen.sum()) > 5
    assert outcome.success[fallen].all()
    submitted = scored(outcome, network, detector).clamp_min(0)
    assert torch.allclose(submitted[fallen], lowest[fallen], atol=1e-3)


def test_queries_are_keyed_by_the_image_and_counted(network: nn.Module, images: Tensor) -> None:
    detector = watch(KernelDensityDetector(), network, differentiable=False)
    method, aim = DetectorMin(steps=4, pairs=3), away(network, images)
    whole = attack(method, network, images, aim, detector=detector)
    composition = Composition(Norm.LINF, EPSILON, method.default_objective(), stop=Stop.NEVER)
    part = torch.tensor([9, 3, 12, 1, 20, 21, 22, 23])
    outcome = method(DefendedModel(network), images[part], aim[part], Noise.of(0, part), composition)
    assert torch.allclose(outcome.adversarial, whole.adversarial[part], atol=1e-6)
    # One gradient and three pairs a step, and a last look.
    assert whole.forwards.unique().tolist() == [4 * (1 + 2 * 3) + 1]
    assert whole.backwards.unique().tolist() == [4]


def test_detector_min_needs_a_detector(network: nn.Module, images: Tensor) -> None:
    with pytest.raises(AttackError, match="needs a detector"):
        attack(DetectorMin(), network, images, away(network, images))


@pytest.mark.parametrize("wrong", [{"pairs": 0}, {"radius": 0.0}, {"radius": "far"}, {"memory": 1.0}], ids=str)
def test_settings_that_estimate_nothing_are_refused(wrong: dict, network: nn.Module, images: Tensor) -> None:
    with pytest.raises(UserError) as caught:
        attack(DetectorMin(**wrong), network, images, away(network, images))
    assert caught.value.remedy
