"""Defenses that are broken on purpose, and one that is not: what the flags must and must not raise on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor, nn

from attacks.base import Composition, Stop
from attacks.gradients.autograd import Autograd
from attacks.gradients.base import GradientEstimator
from attacks.gradients.bpda import BPDA
from attacks.objectives.aim import Aim
from attacks.objectives.margin import Margin
from attacks.pgd import PGD
from benchmark.core import plugin
from benchmark.core.batching import BatchSize
from benchmark.core.defended import DefendedModel
from benchmark.core.discovery import load_plugins
from benchmark.core.frozen import frozen
from benchmark.core.images import ImageData, LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.progress import Progress
from benchmark.core.threat import Epsilon, Norm
from benchmark.engines.local import LocalEngine
from benchmark.evaluation.flags.page import Control
from benchmark.manifest import build_manifest
from benchmark.models.base import Classifier
from benchmark.models.training.recipe import Recipe
from benchmark.planning.planner import make_plan
from benchmark.records.store import Store
from benchmark.steps.clean import CleanStep
from benchmark.steps.context import StepContext
from benchmark.suites.suite import Suite
from defenses.base import Defense
from leaderboard.results import Results
from leaderboard.robustness.rows import robustness_rows
from leaderboard.robustness.schema import RobustnessRow

SIDE = 8
EPSILON = Epsilon.parse("8/255")
ADAPTIVE = 400
SIZES = {"train": 600, "validation": 200, "evaluation": 1200}


def draw(split: str) -> LabeledImages:
    """Two classes told apart by many faint pixels, or by four clear ones that are right 19 times of 20.

    The task of Tsipras et al. 2019, section 2: what is accurate is fragile, what is robust is less accurate.
    """
    count = SIZES[split]
    labels = torch.arange(count) % 2
    noise = Noise.of(0, torch.arange(count)).stream(f"toy {split}")
    sign = (2 * labels - 1).float()[:, None, None, None]
    board = torch.ones(SIDE, SIDE)
    board[1::2, ::2] = board[::2, 1::2] = -1
    images = 0.5 + 0.015 * sign * board + 0.03 * noise.normal((1, SIDE, SIDE))
    honest = (noise.stream("honest").uniform((1, 1, 1)) < 0.95).float() * 2 - 1
    images[..., :2, :2] = 0.5 + 0.1 * sign * honest + 0.03 * noise.stream("clear").normal((1, 2, 2))
    pixels = images.clamp(0, 1).mul(255).round().to(torch.uint8)
    return LabeledImages(pixels, labels, tuple(f"{split}/{i:04d}" for i in range(count)))


class ToyNetwork(Classifier):
    """A small smooth network."""

    fixed_recipe = Recipe(epochs=8, batch_size=50, learning_rate=1e-2, shift=0)

    def build(self, *, channels: int, classes: int, size: tuple[int, int]) -> nn.Module:
        inputs = channels * size[0] * size[1]
        return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 16), nn.SiLU(), nn.Linear(16, classes))


class Quantizer(Defense):
    """Rounds pixels to 8 levels and claims to be differentiable."""

    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: (7 * x).round() / 7)


class HonestQuantizer(Quantizer):
    """Rounds pixels to 8 levels and says that this has no gradient, so that attacks replace it."""

    differentiable = False


class GradientKiller(Defense):
    """Cuts the graph and claims to be differentiable."""

    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: x.detach().clone())


class HighTemperature(Defense):
    """Multiplies the logits by 1,000."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(nn.Sequential(classifier, _Scale()))


class _Scale(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return 1000 * logits


class UndeclaredNoise(Defense):
    """Adds Gaussian noise and does not say so."""

    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            return x + 0.08 * noise.stream("layer").normal(x.shape[1:])

        return DefendedModel(classifier, purify=purify, randomized=self.randomized)


class DeclaredNoise(UndeclaredNoise):
    """Adds Gaussian noise, says so, and is attacked one draw at a time."""

    randomized = True


class BatchStatistics(Defense):
    """Normalises each pixel by the batch that the image is in, whatever mode it was put in."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(nn.Sequential(_InTraining(), classifier))


class _InTraining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1, affine=False, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        self.norm.train()
        return 0.5 + 0.1 * self.norm(x)


class Plain(Defense):
    """The classifier as it is."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


class TwoFaced(Defense):
    """Hands attacks, who record gradients, the gradient of the mirrored image, and judges the image itself."""

    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: x.flip(3) if torch.is_grad_enabled() else x)


class LookUp(Defense):
    """Knows the evaluation images and answers with their labels whatever lies within 1.5 ε of one."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        known = draw("evaluation")
        return DefendedModel(_LookUp(classifier, known.floats(), known.labels))


class Ignorant(Defense):
    """The look-up where it knows nothing."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        assert isinstance(classifier, _LookUp)
        return DefendedModel(classifier.classifier)


class _LookUp(nn.Module):
    def __init__(self, classifier: nn.Module, images: Tensor, labels: Tensor) -> None:
        super().__init__()
        self.classifier, self.images, self.labels = classifier, images.flatten(1), labels

    def forward(self, x: Tensor) -> Tensor:
        own = self.classifier(x)
        distance, nearest = torch.cdist(x.flatten(1), self.images, p=float("inf")).min(1)
        known = nn.functional.one_hot(self.labels[nearest], own.shape[1]) + 1e-2 * own
        return torch.where((distance < 1.5 * EPSILON.value)[:, None], known, own)


@dataclass(frozen=True)
class Trial:
    """One control.

    Attributes:
        label, defense, title: Its label, what it is (a defense of the project where None), and its documentation.
        adaptive: The attack that adapts to it, in words.
        gradient, draws: How that attack differentiates.
        together: All images are attacked and judged as one batch.
        raises: Flags that its row must raise, besides which it may raise others; none at all where empty.
        truth: What the attacker takes the defense for, where it is not what it says.
    """

    label: str
    defense: type[Defense] | None
    title: str
    adaptive: str
    gradient: type[GradientEstimator] = Autograd
    draws: int = 1
    together: bool = False
    truth: type[Defense] | None = None
    raises: tuple[str, ...] = ()


TRIALS = (
    Trial(
        "quantizer",
        Quantizer,
        "Quantizer, 8 levels, called differentiable",
        "BPDA",
        gradient=BPDA,
        raises=(
            "zero_gradient",
            "gradient_contradicted",
            "unbounded_fails",
            "black_box_beats_white_box",
            "transfer_beats_white_box",
        ),
    ),
    Trial(
        "gradient-killer",
        GradientKiller,
        "Gradient killer (`detach`), called differentiable",
        "BPDA",
        gradient=BPDA,
        raises=("zero_gradient",),
    ),
    Trial(
        "high-temperature",
        HighTemperature,
        "High-temperature softmax (logits × 1,000)",
        "on the margin",
        raises=("zero_gradient", "black_box_beats_white_box"),
    ),
    Trial(
        "declared-noise",
        DeclaredNoise,
        "Random-noise layer, declared, attacked one draw at a time",
        "EOT, 20 draws",
        draws=20,
        raises=("randomised",),
    ),
    Trial(
        "undeclared-noise",
        UndeclaredNoise,
        "Random-noise layer, not declared",
        "EOT, 20 draws",
        draws=20,
        truth=DeclaredNoise,
        raises=("randomised", "silent_success", "one_step_beats_iterative", "unbounded_fails"),
    ),
    Trial(
        "batch-statistics",
        BatchStatistics,
        "Batch normalisation in training mode",
        "all images as one batch",
        together=True,
        raises=("batch_dependence", "train_mode"),
    ),
    Trial(
        "two-faced",
        TwoFaced,
        "Another model where gradients are recorded",
        "the model that is judged",
        truth=Plain,
        raises=("asker_dependence", "gradient_contradicted", "transfer_beats_white_box"),
    ),
    Trial(
        "look-up",
        LookUp,
        "Look-up of the evaluation images, within 1.5 ε",
        "as if it knew none",
        truth=Ignorant,
        raises=("memorised_images",),
    ),
    Trial("honest-quantizer", HonestQuantizer, "Quantizer that says what it is, attacked by BPDA", "BPDA", BPDA),
    Trial("adversarial-training", None, "Adversarial training", "on the margin"),
)

SOUND = ("adversarial-training",)

SUITE = {
    "name": "flag-controls",
    "title": "Controls of the reliability flags",
    "data": {"name": "toy"},
    "classifier": {"name": "toy-network"},
    "evaluation": {"samples": "all", "replicates": 10},
    "defense": {
        **{trial.label: {} for trial in TRIALS if trial.defense is not None},
        "adversarial-training": {"epochs": 6, "batch_size": 50, "learning_rate": 1e-2, "shift": 0},
    },
    "robustness": {
        "epsilon": EPSILON.text,
        # What a careless evaluation does to a random model.
        "eot_samples": 1,
        "attack": {
            "fgsm": {},
            "pgd": {"steps": 50},
            "pgd-margin": {"method": "pgd", "steps": 50, "objective": "margin", "defenses": SOUND},
            "square": {"queries": 100},
            "oblivious": {"method": "pgd", "steps": 20, "gradient": "undefended"},
            "transfer": {"defenses": SOUND},
            "random-noise": {"draws": 50, "defenses": SOUND},
        },
    },
}


@dataclass
class Controls:
    """The rows of the controls and what the adaptive attacks leave."""

    rows: dict[str, RobustnessRow]
    adaptive: dict[str, float]

    def documented(self) -> list[Control]:
        return [self._documented(trial) for trial in TRIALS]

    def _documented(self, trial: Trial) -> Control:
        row = self.rows[trial.label]
        verdicts = {f.id: f.verdict for f in row.flags}
        return Control(
            title=trial.title,
            status=row.status,
            raised={flag: verdicts[flag] for flag in trial.raises},
            careless=next((a.robust.value for a in row.attacks if a.attack == "pgd" and a.robust), None),
            attack=trial.adaptive,
            adaptive=self.adaptive[trial.label],
        )


def run_controls(folder: Path) -> Controls:
    """The controls through the whole harness: plan, steps, store, leaderboard."""
    splits = {split: draw(split) for split in SIZES}
    data = ImageData("toy", "Toy images", ("healthy", "disease"), **splits)
    suite = Suite.model_validate(SUITE)
    store = Store(folder)
    device = torch.device("cpu")
    context = StepContext(data=data, store=store, device=device, batch_size=BatchSize(256), progress=Progress())
    with _registered():
        plan = make_plan(suite, Path("controls.toml"), data)
        tally = LocalEngine().run(plan, context)
        manifest = build_manifest(
            suite=suite,
            plan=plan,
            data=data,
            store=store,
            failures=tally.failed,
            status="done",
            device=device,
            seed=suite.seed,
        )
        rows = {row.defense: row for row in robustness_rows(Results(manifest, store))}
        clean = {c.defense: c.step for c in plan.cells if c.attack == "clean"}
        adaptive = {trial.label: _adaptive(trial, clean[trial.label], context) for trial in TRIALS}
    return Controls(rows, adaptive)


def _adaptive(trial: Trial, clean: object, context: StepContext) -> float:
    """Share of the first images that are right on clean input and after the attack that adapts to this defense."""
    assert isinstance(clean, CleanStep)
    model = clean.fit.model(context)
    if trial.truth is not None:
        model = trial.truth().defend(model.classifier)
    everything = context.data.evaluation[torch.arange(ADAPTIVE)]
    right = torch.tensor(context.store.samples(clean.key)["clean_right"].to_numpy())[:ADAPTIVE]
    images = everything if trial.together else everything[right]
    # Held together, the batch that an image is judged in is the batch that it was attacked in.
    stop = Stop.NEVER if trial.together else Stop.FIRST_SUCCESS
    composition = Composition(Norm.LINF, EPSILON, Margin(), trial.gradient(draws=trial.draws), stop)
    x, noise = images.floats(), Noise.of(1, images.index)
    outcome = PGD(steps=50)(model, x, Aim(images.labels), noise, composition)
    with frozen(model), torch.no_grad():
        robust = model.decide(outcome.adversarial, noise.stream("again")).argmax(1) == images.labels
    robust &= ~outcome.success
    return float((robust & right).sum() if trial.together else robust.sum()) / len(everything)


@contextmanager
def _registered() -> Iterator[None]:
    """The controls can be looked up by name within the block, and by nobody afterwards."""
    load_plugins()
    found = {kind: dict(entries) for kind, entries in plugin._registry.items()}
    found["classifier"]["toy-network"] = ToyNetwork
    names = [patch.object(ToyNetwork, "name", "toy-network")]
    for trial in TRIALS:
        if trial.defense is not None:
            found["defense"][trial.label] = trial.defense
            names.append(patch.object(trial.defense, "name", trial.label))
    with patch.object(plugin, "_registry", found):
        for name in names:
            name.start()
        try:
            yield
        finally:
            for name in names:
                name.stop()
