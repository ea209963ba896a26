"""Published attacks on tasks of every shape, against closed forms and against independent implementations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from scipy.optimize import linprog, minimize
from torch import Tensor, nn

from attacks.base import Attack, Outcome, Stop
from attacks.cw_l2 import CWL2
from attacks.ddn import DDN
from attacks.deepfool import DeepFool
from attacks.ead import EAD
from attacks.fab import FAB
from attacks.fmn import FMN
from attacks.geometry.ball import perturbation_size
from attacks.geometry.projection import onto_plane
from attacks.hopskipjump import HopSkipJump
from attacks.jsma import JSMA
from attacks.mi_fgsm import MIFGSM
from attacks.objectives.aim import Aim
from attacks.one_pixel import OnePixel
from attacks.searches.minimum_norm import MinimumNormAttack
from attacks.square import Square
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm
from benchmark.testing.problem import DoublePrecision
from tests.attacks.attacking import attack, in_two_parts, prepared
from tests.attacks.networks import Linear, decisions, small_network
from tests.attacks.templates import Task, task

Shape = tuple[int, int, int]
ATTACKS: list[tuple[Attack, Norm, float]] = [
    # The last number is a generous bound: in L∞, or a share of √d, d or all pixels in the other norms.
    (MIFGSM(steps=8), Norm.LINF, 0.1),
    (MIFGSM(steps=8), Norm.L2, 0.05),
    (DDN(steps=20), Norm.L2, 0.05),
    (FMN(steps=12), Norm.LINF, 0.1),
    (FMN(steps=12), Norm.L2, 0.05),
    (FMN(steps=12), Norm.L1, 0.02),
    (FMN(steps=30), Norm.L0, 0.4),
    (DeepFool(steps=10), Norm.LINF, 0.1),
    (DeepFool(steps=10), Norm.L2, 0.05),
    (FAB(steps=6), Norm.LINF, 0.1),
    (FAB(steps=6), Norm.L2, 0.05),
    (FAB(steps=6), Norm.L1, 0.02),
    (CWL2(steps=40, searches=2, learning_rate=0.1), Norm.L2, 0.05),
    (EAD(steps=30, searches=1, learning_rate=0.05), Norm.L1, 0.02),
    (JSMA(steps=60), Norm.L0, 0.2),
    (OnePixel(queries=400), Norm.L0, 0.25),
    (HopSkipJump(queries=300, evaluations=20), Norm.LINF, 0.2),
    (HopSkipJump(queries=300, evaluations=20), Norm.L2, 0.1),
    (Square(queries=60), Norm.LINF, 0.2),
]
EVERY_ATTACK = pytest.mark.parametrize(
    ("method", "norm", "share"), ATTACKS, ids=[f"{method.name} {norm}" for method, norm, _ in ATTACKS]
)
SHAPES = [(1, 30, 22), (3, 32, 32)]
TASKS = {"two classes": (2, False), "one logit": (2, True), "three classes": (3, False), "eight classes": (8, False)}


def bound(norm: Norm, share: float, shape: Shape) -> float:
    size = {
        Norm.LINF: 1.0,
        Norm.L2: math.sqrt(math.prod(shape)),
        Norm.L1: math.prod(shape),
        Norm.L0: shape[1] * shape[2],
    }
    return share * size[norm] if norm is not Norm.L0 else max(1, round(share * size[norm]))


def on(trial: Task, method: Attack, norm: Norm, epsilon: float, **settings: object) -> Outcome:
    method = prepared(deepcopy(method), trial.classifier, trial.train, epsilon, norm=norm)
    return attack(method, trial.classifier, trial.x, epsilon, norm=norm, **settings)  # type: ignore[arg-type]


@EVERY_ATTACK
@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_and_number_of_classes(shape: Shape, kind: str, method: Attack, norm: Norm, share: float) -> None:
    trial = task(shape, *TASKS[kind])
    epsilon = bound(norm, share, shape)
    outcome = on(trial, method, norm, epsilon)
    by_luck = method.name == "one-pixel"
    assert outcome.success.float().mean() >= (0.3 if by_luck else 0.6)
    assert torch.equal(outcome.success, decisions(trial.classifier, outcome.adversarial) != trial.labels)
    assert perturbation_size(outcome.adversarial - trial.x, norm).max() <= epsilon * (1 + 1e-5) + 1e-6
    targeted = on(trial, method, norm, epsilon, aim=Aim(trial.labels, trial.targets))
    assert targeted.success.float().mean() >= (0.1 if by_luck else 0.3)
    assert torch.equal(targeted.success, decisions(trial.classifier, targeted.adversarial) == trial.targets)


@EVERY_ATTACK
def test_success_grows_with_epsilon_and_no_bound_breaks_everything(method: Attack, norm: Norm, share: float) -> None:
    trial = task((1, 30, 22), 3, count=20)
    shares = (0.0, share / 64, share / 16, share / 4, 1.0)
    rates = [
        float(on(trial, method, norm, bound(norm, s, (1, 30, 22)) if s else 0).success.float().mean()) for s in shares
    ]
    assert rates[0] == 0
    assert rates == sorted(rates)
    assert rates[-1] == 1


@pytest.mark.parametrize(
    ("few", "many", "norm", "epsilon"),
    [
        (MIFGSM(steps=1), MIFGSM(steps=10), Norm.LINF, 0.035),
        (DDN(steps=4), DDN(steps=40), Norm.L2, 0.3),
        (FMN(steps=4), FMN(steps=40), Norm.LINF, 0.035),
        (FMN(steps=6), FMN(steps=60), Norm.L0, 8),
        (FAB(steps=1), FAB(steps=10), Norm.LINF, 0.035),
        (CWL2(steps=10, searches=1), CWL2(steps=150, searches=3), Norm.L2, 0.6),
        (EAD(steps=20, searches=1), EAD(steps=150, searches=3), Norm.L1, 2),
        (JSMA(steps=3), JSMA(steps=30), Norm.L0, 8),
        (OnePixel(queries=40), OnePixel(queries=800), Norm.L0, 100),
        (HopSkipJump(queries=100, evaluations=20), HopSkipJump(queries=900, evaluations=20), Norm.L2, 1.0),
    ],
    ids=lambda value: value.name if isinstance(value, Attack) else "",
)
def test_success_grows_with_steps(few: Attack, many: Attack, norm: Norm, epsilon: float) -> None:
    trial = task((1, 30, 22), 3, count=20)
    weak, strong = (int(on(trial, method, norm, epsilon).success.sum()) for method in (few, many))
    assert weak <= strong
    # The task is nearly linear, and the first step of these two is already right.
    assert weak < strong or few.name in ("mi-fgsm", "fab")


def test_restarts_of_fab_only_add_successes() -> None:
    network = small_network(classes=3)
    x = Noise.of(7, range(24)).uniform((1, 12, 12))
    once, more = (attack(FAB(steps=2, restarts=r), network, x, "0.002") for r in (1, 4))
    assert bool((more.success | ~once.success).all())
    assert bool((more.forwards[~once.success] > once.forwards[~once.success]).all())


# Batches.


@EVERY_ATTACK
def test_two_batches_give_what_one_gives(method: Attack, norm: Norm, share: float) -> None:
    if method.batch_coupled:
        pytest.skip("the library draws for a whole batch, which the harness therefore keeps fixed")
    trial = task((1, 30, 22), 3, count=20)
    epsilon = bound(norm, share / 8, (1, 30, 22))
    # In float32 a gradient of almost zero has another sign in another batch.
    classifier = DoublePrecision(deepcopy(trial.classifier)).eval()
    method = prepared(deepcopy(method), classifier, trial.train, epsilon, norm=norm)
    for stop in Stop:
        whole = attack(method, classifier, trial.x, epsilon, norm=norm, stop=stop)
        merged = in_two_parts(method, classifier, trial.x, epsilon, norm=norm, stop=stop)
        assert torch.equal(whole.success, merged.success)
        assert torch.allclose(whole.adversarial, merged.adversarial, atol=1e-6)
        assert torch.equal(whole.forwards, merged.forwards)


# Closed forms.


def linear(count: int = 24) -> tuple[Linear, Tensor, Tensor]:
    """A linear model, images around gray and their margins: the nearest boundary is |margin| / ‖w‖ away."""
    weight = Noise.of(0, [0]).normal((1, 12, 12))[0]
    x = 0.5 + 0.05 * Noise.of(1, range(count)).normal((1, 12, 12))
    model = Linear(weight, bias=-float((0.5 * weight).sum()))
    return model, x, model(x)[:, 1].detach().abs()


@pytest.mark.parametrize(
    ("method", "norm", "slack"),
    [
        (DDN(steps=120), Norm.L2, 0.05),
        (FMN(steps=60), Norm.L2, 0.01),
        (FMN(steps=100), Norm.LINF, 0.05),
        (DeepFool(), Norm.L2, 0.021),
        (DeepFool(), Norm.LINF, 0.021),
        (FAB(steps=20), Norm.L2, 0.01),
        (FAB(steps=20), Norm.LINF, 0.01),
        (CWL2(steps=600, searches=6, learning_rate=0.01), Norm.L2, 0.05),
        (HopSkipJump(queries=4000), Norm.L2, 0.15),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_the_nearest_image_of_a_linear_model_is_found(method: Attack, norm: Norm, slack: float) -> None:
    model, x, margin = linear()
    assert isinstance(method, MinimumNormAttack)
    weight = model.weight.detach()
    expected = margin / (weight.norm() if norm is Norm.L2 else weight.abs().sum())
    outcome = attack(method, model, x, 3.0 if norm is Norm.L2 else 0.4, norm=norm, stop=Stop.NEVER)
    size = perturbation_size(outcome.adversarial - x, norm)
    assert bool(outcome.success.all())
    assert bool((size >= expected * (1 - 1e-4) - 1e-6).all())
    assert float((size / expected).median()) <= 1 + slack


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2, Norm.L1])
def test_the_projection_on_plane_and_box_is_the_nearest_point(norm: Norm) -> None:
    """Against a linear program (L∞, L1) and a quadratic one (L2) of scipy, planes beyond the box included."""
    count, dimension = 12, 6
    noise = Noise.of(5, range(count))
    x = noise.stream("x").uniform((1, 1, dimension)).clamp(0.1, 0.9)
    x[:, :, :, 0] = 0
    normal = noise.stream("w").normal((1, 1, dimension))
    normal[:, :, :, 1] = 0
    gap = 2 * noise.stream("gap").normal((1,)).flatten()
    delta = onto_plane(x, normal, gap, norm)
    assert bool(((x + delta) >= -1e-6).all())
    assert bool(((x + delta) <= 1 + 1e-6).all())
    beyond = 0
    for row in range(count):
        w, point, need = normal[row].flatten().double(), x[row].flatten().double(), -float(gap[row])
        ours = delta[row].flatten().double()
        low, high = -point, 1 - point
        farthest = float(torch.where((w > 0) == (need > 0), w * high, w * low).sum())
        if abs(farthest) <= abs(need):
            beyond += 1
            assert abs(float(w @ ours) - farthest) < 1e-5
            continue
        assert abs(float(w @ ours) - need) < 1e-5
        assert float(perturbation_size(ours[None, None, None], norm)) <= _nearest(w, need, low, high, norm) + 1e-4
    assert 0 < beyond < count


def _nearest(w: Tensor, need: float, low: Tensor, high: Tensor, norm: Norm) -> float:
    """The least norm of δ with w · δ = need and low ≤ δ ≤ high."""
    d, box = len(w), list(zip(low.tolist(), high.tolist(), strict=True))
    if norm is Norm.L2:
        start = torch.clamp(w * need / w.square().sum(), low, high).numpy()
        constraint = {"type": "eq", "fun": lambda v: v @ w.numpy() - need}
        return float(minimize(lambda v: v @ v, start, bounds=box, constraints=constraint, tol=1e-12).fun ** 0.5)
    eye = torch.eye(d, dtype=torch.float64)
    more = 1 if norm is Norm.LINF else d
    size = torch.ones(d, 1, dtype=torch.float64) if norm is Norm.LINF else eye
    found = linprog(
        [0.0] * d + [1.0] * more,
        A_ub=torch.cat([torch.cat([eye, -size], 1), torch.cat([-eye, -size], 1)]).numpy(),
        b_ub=[0.0] * (2 * d),
        A_eq=torch.cat([w, torch.zeros(more, dtype=torch.float64)])[None].numpy(),
        b_eq=[need],
        bounds=box + [(0, None)] * more,
    )
    return float(found.fun)


def test_one_pixel_finds_what_an_exhaustive_search_finds() -> None:
    """All pixels and six gray levels: what breaks an image there, evolution finds in nine of ten images."""
    trial = task((1, 12, 12), 3, count=20)
    breakable = torch.zeros(20, dtype=torch.bool)
    for row, column, value in itertools.product(range(12), range(12), torch.linspace(0, 1, 6).tolist()):
        painted = trial.x.clone()
        painted[:, 0, row, column] = value
        breakable |= decisions(trial.classifier, painted) != trial.labels
    found = attack(OnePixel(), trial.classifier, trial.x, 1, norm=Norm.L0).success
    assert 10 <= int(breakable.sum()) < 20
    assert int((found & breakable).sum()) >= 0.9 * int(breakable.sum())


def test_one_pixel_begins_with_few_pixels_and_with_many() -> None:
    """Candidates that all paint hundreds of pixels are all noise, and an image that one pixel breaks could stand."""
    first = OnePixel()._first(Noise.of(0, range(3)), (40, 300, 3))
    painted = torch.tensor([len(candidate.unique(dim=0)) for candidate in first[1]])
    assert torch.equal(painted, painted.sort(descending=True).values)
    assert [int(painted[0]), int(painted[-1])] == [300, 1]
    assert float(painted[1:-1].double().log().diff().std()) < 0.2


# Agreement with other implementations.


def foolbox_model(network: nn.Module):  # type: ignore[no-untyped-def]
    import foolbox

    return foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")


def their_success(trial: Task, adversarial: Tensor, norm: Norm, epsilon: float) -> int:
    """What counts: a wrong decision within ε, whatever the library says of itself."""
    within = perturbation_size(adversarial - trial.x, norm) <= epsilon * (1 + 1e-5) + 1e-6
    return int(((decisions(trial.classifier, adversarial.detach()) != trial.labels) & within).sum())


def test_mi_fgsm_takes_the_steps_of_torchattacks() -> None:
    import torchattacks

    network = small_network(classes=3)
    x = 0.2 + 0.6 * Noise.of(7, range(24)).uniform((1, 12, 12))
    labels = decisions(network, x)
    theirs = torchattacks.MIFGSM(network, eps=3 / 255, alpha=1 / 255, steps=6)(x, labels)
    ours = attack(MIFGSM(steps=6, step_size="1/255"), network, x, "3/255", stop=Stop.NEVER)
    assert torch.allclose(ours.adversarial, theirs, atol=1e-6)


def test_ddn_takes_the_steps_of_foolbox() -> None:
    import foolbox

    trial = task((1, 30, 22), 3, count=20)
    theirs = foolbox.attacks.DDNAttack(steps=40).run(
        foolbox_model(trial.classifier), trial.x, foolbox.Misclassification(trial.labels)
    )
    ours = attack(DDN(steps=40), trial.classifier, trial.x, 20, norm=Norm.L2, stop=Stop.NEVER)
    sizes = [perturbation_size(adversarial - trial.x, Norm.L2) for adversarial in (ours.adversarial, theirs)]
    # The last step's image counts here, which can only be nearer.
    assert bool((sizes[0] <= sizes[1] * (1 + 1e-3)).all())
    assert float((sizes[0] / sizes[1] - 1).abs().median()) < 1e-3


Library = Callable[[Task, float], Tensor]


def _torchattacks_fab(norm: str) -> Library:
    def run(trial: Task, epsilon: float) -> Tensor:
        import torchattacks

        return torchattacks.FAB(trial.classifier, norm=norm, eps=epsilon, steps=20)(trial.x, trial.labels)

    return run


def _torchattacks_square(trial: Task, epsilon: float) -> Tensor:
    import torchattacks

    return torchattacks.Square(trial.classifier, norm="Linf", eps=epsilon, n_queries=200)(trial.x, trial.labels)


def _torchattacks_jsma(trial: Task, epsilon: float) -> Tensor:
    import torchattacks

    network = nn.Sequential(trial.classifier, nn.Softmax(1))
    method = torchattacks.JSMA(network, theta=1.0, gamma=epsilon / trial.x[0].numel())
    method.set_mode_targeted_by_label(quiet=True)
    return method(trial.x.clone(), trial.targets)


def _torchattacks_one_pixel(trial: Task, epsilon: float) -> Tensor:
    import torchattacks

    return torchattacks.OnePixel(trial.classifier, pixels=int(epsilon), steps=1, popsize=100)(trial.x, trial.labels)


def _foolbox(name: str, **settings: object) -> Library:
    def run(trial: Task, epsilon: float) -> Tensor:
        import foolbox

        method = getattr(foolbox.attacks, name)(**settings)
        return method.run(foolbox_model(trial.classifier), trial.x, foolbox.Misclassification(trial.labels))

    return run


@pytest.mark.parametrize(
    ("method", "norm", "epsilon", "library"),
    [
        (FMN(steps=40), Norm.LINF, 0.035, _foolbox("LInfFMNAttack", steps=40)),
        (FMN(steps=40), Norm.L1, 4, _foolbox("L1FMNAttack", steps=40)),
        (FMN(steps=40), Norm.L2, 0.6, _foolbox("DDNAttack", steps=40)),
        (FMN(steps=60), Norm.L0, 6, _foolbox("L0FMNAttack", steps=60)),
        (DeepFool(), Norm.L2, 0.6, _foolbox("L2DeepFoolAttack")),
        (DeepFool(), Norm.LINF, 0.04, _foolbox("LinfDeepFoolAttack")),
        (FAB(steps=20), Norm.LINF, 0.035, _torchattacks_fab("Linf")),
        (FAB(steps=20), Norm.L2, 0.6, _torchattacks_fab("L2")),
        (
            CWL2(steps=200, searches=4),
            Norm.L2,
            0.6,
            _foolbox("L2CarliniWagnerAttack", steps=50, binary_search_steps=4, stepsize=0.02, initial_const=0.1),
        ),
        (
            EAD(steps=160, searches=4),
            Norm.L1,
            4,
            _foolbox("EADAttack", steps=40, binary_search_steps=4, initial_const=1.0, decision_rule="L1"),
        ),
        (JSMA(), Norm.L0, 6, _torchattacks_jsma),
        (OnePixel(queries=200), Norm.L0, 40, _torchattacks_one_pixel),
        (Square(queries=200), Norm.LINF, 0.04, _torchattacks_square),
    ],
    ids=lambda value: value.name if isinstance(value, Attack) else str(getattr(value, "value", "")),
)
def test_it_is_as_strong_as_the_library(method: Attack, norm: Norm, epsilon: float, library: Library) -> None:
    """At a bound where some images fall and some stand, no weaker than theirs by more than one image in twenty."""
    trial = task((1, 30, 22), 3, count=20)
    ours = int(on(trial, method, norm, epsilon).success.sum())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = their_success(trial, library(trial, epsilon), norm, epsilon)
    print(method.name, norm, ours, theirs)
    assert ours >= theirs - 1
    assert 3 < ours < 20


def test_hopskipjump_is_as_strong_as_foolbox_from_the_same_images() -> None:
    import foolbox

    trial = task((1, 30, 22), 3, count=20)
    said = decisions(trial.classifier, trial.train)
    distance = torch.cdist(trial.x.flatten(1), trial.train.flatten(1))
    nearest = distance.masked_fill(said == trial.labels[:, None], float("inf")).argmin(1)
    asked = []
    counting = nn.Module()
    counting.forward = lambda x: asked.append(len(x)) or trial.classifier(x)  # type: ignore[method-assign]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = foolbox.attacks.HopSkipJumpAttack(steps=6, initial_gradient_eval_steps=50).run(
            foolbox_model(counting.eval()),
            trial.x,
            foolbox.Misclassification(trial.labels),
            starting_points=trial.train[nearest],
        )
    queries = sum(asked) // 20
    epsilon = bound(Norm.L2, 0.03, (1, 30, 22))
    ours = on(trial, HopSkipJump(queries=queries), Norm.L2, epsilon)
    assert int(ours.forwards.max()) <= queries
    assert int(ours.success.sum()) >= their_success(trial, theirs, Norm.L2, epsilon) - 1
