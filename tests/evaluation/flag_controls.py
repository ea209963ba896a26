"""Defenses that are broken on purpose, and one that is not, in the harness: what the flags must and must not raise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest.mock import patch

import torch

from attacks.base import Composition, Stop
from attacks.gradients.autograd import Autograd
from attacks.gradients.base import GradientEstimator
from attacks.gradients.bpda import BPDA
from attacks.objectives.aim import Aim
from attacks.objectives.margin import Margin
from attacks.pgd import PGD
from benchmark.core import plugin
from benchmark.core.batching import BatchSize
from benchmark.core.discovery import load_plugins
from benchmark.core.frozen import frozen
from benchmark.core.images import ImageData
from benchmark.core.noise import Noise
from benchmark.core.progress import Progress
from benchmark.core.threat import Norm
from benchmark.engines.local import LocalEngine
from benchmark.evaluation.flags.base import Verdict
from benchmark.evaluation.flags.page import Control
from benchmark.manifest import build_manifest
from benchmark.planning.plan import Selection
from benchmark.planning.planner import make_plan
from benchmark.records.store import Store
from benchmark.steps.clean import CleanStep
from benchmark.steps.context import StepContext
from benchmark.suites.suite import Suite
from defenses.base import Defense
from leaderboard.results import Results
from leaderboard.robustness.rows import robustness_rows
from leaderboard.robustness.schema import RobustnessRow
from tests.evaluation.broken_defenses import (
    EPSILON,
    SIZES,
    BatchStatistics,
    DeclaredNoise,
    GradientKiller,
    HighTemperature,
    HonestQuantizer,
    Ignorant,
    LookUp,
    Plain,
    Quantizer,
    ToyNetwork,
    TwoFaced,
    UndeclaredNoise,
    draw,
)

ADAPTIVE = 400


@dataclass(frozen=True)
class Trial:
    """One control.

    Attributes:
        label, defense, title: Its label, what it is (a defense of the project where None), and its documentation.
        adaptive: The attack that adapts to it, in words.
        gradient, draws: How that attack differentiates.
        together: All images are attacked and judged as one batch.
        raises: Flags that its row must raise, besides which it may raise others; none at all where empty.
        deceives: Whether the attack that does not adapt leaves more than half of the images.
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
    deceives: bool = False


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
        deceives=True,
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
        deceives=True,
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
        deceives=True,
    ),
    Trial(
        "batch-statistics",
        BatchStatistics,
        "Batch normalisation in training mode",
        "all images as one batch",
        together=True,
        raises=("batch_dependence", "train_mode"),
        deceives=True,
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


@dataclass(frozen=True)
class Outcome:
    """What became of a control.

    Attributes:
        trial: Which one.
        row: Its row.
        adaptive: Robust accuracy under the attack that adapts to it.
    """

    trial: Trial
    row: RobustnessRow
    adaptive: float

    def raised(self, *verdicts: Verdict) -> set[str]:
        """Its flags with one of these verdicts."""
        return {flag.id for flag in self.row.flags if flag.verdict in verdicts}

    @property
    def careless(self) -> float | None:
        """Robust accuracy under PGD as its own claims suggest it; None where that raised."""
        return next((a.robust.value for a in self.row.attacks if a.attack == "pgd" and a.robust), None)

    def documented(self) -> Control:
        """As the page shows it."""
        verdicts = {flag.id: flag.verdict for flag in self.row.flags}
        raised = {flag: verdicts[flag] for flag in self.trial.raises}
        return Control(self.trial.title, self.row.status, raised, self.careless, self.trial.adaptive, self.adaptive)


@cache
def _toy() -> ImageData:
    splits = {split: draw(split) for split in SIZES}
    return ImageData("toy", "Toy images", ("healthy", "disease"), **splits)


def run_control(trial: Trial, folder: Path) -> Outcome:
    """A control through the whole harness: plan, steps, store, leaderboard; `folder` may be that of other controls."""
    data = _toy()
    suite = Suite.model_validate(SUITE)
    store = Store(folder)
    device = torch.device("cpu")
    context = StepContext(data=data, store=store, device=device, batch_size=BatchSize(256), progress=Progress())
    with controls_registered():
        plan = make_plan(suite, Path("controls.toml"), data, Selection(defenses=(trial.label,)))
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
        (row,) = robustness_rows(Results(manifest, store))
        clean = next(c.step for c in plan.cells if c.attack == "clean")
        return Outcome(trial, row, _adaptive(trial, clean, context))


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
def controls_registered() -> Iterator[None]:
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
