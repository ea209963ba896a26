"""Attack the images that a defended model gets right, and re-score what comes back."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from attacks.base import Aids, Attack, Composition, Outcome, Stop
from attacks.geometry.ball import perturbation_size
from attacks.geometry.stored import stored
from attacks.gradients.base import GradientEstimator
from attacks.gradients.fast_copy import search_model
from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from attacks.objectives.target import Target
from attacks.testimony.transcript import Transcript
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.threat import Access, Epsilon, Norm
from benchmark.evaluation.visibility import psnr, ssim
from benchmark.steps.attack_cost import attack_passes, followed
from benchmark.steps.base import Result, Step
from benchmark.steps.clean import CleanStep
from benchmark.steps.context import StepContext
from benchmark.steps.deceived import DeceivedDetector
from benchmark.steps.features import FeaturesStep
from benchmark.steps.shown import shown_images
from benchmark.steps.subset import evaluation_rows
from benchmark.steps.train import TrainStep
from benchmark.steps.verdict import Submission, Verdict, fresh_decisions, judge, verdict_noise


@dataclass(frozen=True)
class AttackStep(Step):
    """One attack on one defended model.

    Args:
        clean: The defended model and its clean decisions; only images it gets right are attacked.
        name: The attack's label in the suite.
        attack: The attack.
        norm, epsilon: The allowed perturbation.
        objective: What it maximises; the attack's own where None.
        gradient: How it differentiates through the defense, and over how many draws.
        stop: When the attack on an image ends.
        features: Training features, where the objective needs them.
        proxies: Classifiers that the attacker trains on the same images, where the attack needs them.
        replicates: Fresh decisions on each adversarial image of a randomized defense.
        seed: Seed of everything random in the attack.
        deceived: The detector to deceive, where the attack needs one.
        on_grid: Whether it stays on the 8-bit grid.
        target: The class that it is to arrive at; None where any wrong class will do. With two classes it is attacked
            as if none were given, since the other class is any wrong class.
        for_detection: Its images are shown to a detector. Any wrong decision counts then, whatever the target, and
            features must be those that the detector will see, to the last digit.
    """

    kind = "attack"

    clean: CleanStep
    name: str
    attack: Attack
    norm: Norm
    epsilon: Epsilon
    objective: Objective | None
    gradient: GradientEstimator
    stop: Stop
    features: FeaturesStep | None
    proxies: tuple[TrainStep, ...]
    replicates: int
    seed: int
    deceived: DeceivedDetector | None = None
    on_grid: bool = False
    target: Target | None = None
    for_detection: bool = False

    @property
    def eot_samples(self) -> int:
        """Draws that a gradient is averaged over."""
        return self.gradient.draws

    @property
    def maximised(self) -> Objective:
        """What the attack maximises."""
        return self.objective or self.attack.default_objective()

    @property
    def label(self) -> str:
        against = f" against {self.deceived.name}" if self.deceived else ""
        return f"{self.clean.fit.name} × {self.name}{against}"

    @property
    def needs(self) -> tuple[Step, ...]:
        deceived = self.deceived.needs if self.deceived else ()
        return (self.clean, *([self.features] if self.features else []), *self.proxies, *deceived)

    def settings(self) -> dict[str, Any]:
        return {
            "attack": self.attack.identity(),
            "norm": self.norm,
            "epsilon": self.epsilon.value,
            "objective": self.objective.identity() if self.objective else None,
            "gradient": self.gradient.identity(),
            "stop": self.stop,
            "replicates": self.replicates,
            "seed": self.seed,
            **({"on_grid": True} if self.on_grid else {}),
            **({"target": asdict(self.target), "for_detection": self.for_detection} if self.target else {}),
            **({"deceived": self.deceived.settings()} if self.deceived else {}),
        }

    def passes(self) -> Passes:
        asks_detector = self.deceived is not None and not self.deceived.differentiable
        defense, images = self.clean.fit.defense, self.clean.images
        each = [
            attack_passes(
                self.attack, estimator, defense, norm=self.norm, epsilon=self.epsilon, asks_detector=asks_detector
            )
            for estimator in self.estimators(defense.surrogates)
        ]
        return Passes(images * sum(e.forwards for e in each), images * sum(e.backwards for e in each))

    def estimators(self, surrogates: Sequence[str]) -> list[GradientEstimator]:
        """How it differentiates through a defense that offers `surrogates`: one after the other, by images standing."""
        return self.gradient.through(surrogates) if self.attack.access is Access.GRADIENT else [self.gradient]

    def run(self, context: StepContext) -> Result:
        frame = context.store.samples(self.clean.key)
        right = torch.from_numpy(np.array(frame["clean_right"], dtype=bool))
        images = self.clean.evaluation(context)[right]
        rows = right.nonzero().flatten()
        if not len(images):
            tensors = {"adversarial": images.floats(), "row": rows}
            return Result({"replayed": None, "accuracy": [0.0]}, tensors, _untouched(frame))
        scores = torch.tensor(np.stack(frame["scores"].tolist()))[right]
        model = self.clean.fit.model(context)
        outcome, transcripts = self._attack_through_each(model, images, scores, context)
        submission = Submission(
            outcome.adversarial,
            stored(outcome.adversarial, images.floats(), self.norm, self.epsilon.value),
            verdict_noise(self.clean.fit, images, outcome.adversarial, self.seed, "verdict", context),
            transcripts,
        )
        verdict = judge(self.clean.fit, submission, context)
        goal = Aim(images.labels, None if self.for_detection else self._targets(images, scores))
        fresh = self._fresh(model, images, goal, submission.x, verdict, context)
        purifier, device = self.clean.fit.defense.purifier, context.device
        shown = shown_images(model, images, submission.x, submission.noise, purifier=purifier, device=device)
        others = float(frame["fresh_right"][~right.numpy()].sum())
        return Result(
            {
                "replayed": verdict.replayed,
                "accuracy": ((fresh.double().sum(1) + others) / len(frame)).tolist(),
            },
            tensors={"adversarial": outcome.adversarial, "row": rows, **shown},
            samples=_samples(frame, rows, images, goal, outcome, verdict, fresh),
        )

    def _attack_through_each(
        self, model: DefendedModel, images: LabeledImages, scores: Tensor, context: StepContext
    ) -> tuple[Outcome, list[Transcript]]:
        """The worst for each image of the attacks by every estimator, each on the images that still stand."""
        # What the model offers counts; a name that it only promised is refused when it is asked for.
        surrogates = dict.fromkeys((*self.clean.fit.defense.surrogates, *model.surrogates))
        first, *others = self.estimators(list(surrogates))
        outcome, transcripts = self._attack(first, model, images, scores, torch.arange(len(images)), context)
        # As with restarts, the steps of a later run count on from those before it.
        length = self.attack.duration().numbers
        for number, estimator in enumerate(others, start=1):
            left = (~outcome.success).nonzero().flatten()
            if not len(left):
                break
            later, more = self._attack(estimator, model, images[left], scores[left], left, context)
            aim = Aim(images.labels[left], self._targets(images[left], scores[left]))
            worse = later.success | (aim.margin(later.logits) > aim.margin(outcome.logits[left]))
            later.broken_at[later.broken_at >= 0] += number * length
            outcome.amend(left, later, worse)
            transcripts += more
        return outcome, transcripts

    def _targets(self, images: LabeledImages, scores: Tensor) -> Tensor | None:
        if self.target is None or (scores.shape[1] == 2 and not self.for_detection):
            return None
        return self.target.of(images.labels, scores, Noise.of(self.seed, images.index))

    def _attack(
        self,
        estimator: GradientEstimator,
        model: DefendedModel,
        images: LabeledImages,
        scores: Tensor,
        numbers: Tensor,
        context: StepContext,
    ) -> tuple[Outcome, list[Transcript]]:
        """Attack `images`, which have these `numbers` among all that are attacked."""
        objective = copy.copy(self.maximised)
        if objective.needs_features:
            assert self.features is not None
            features, _ = self.features.features(context)
            objective.fit(features, context.data.train.labels.clone(), len(context.data.classes))
        exact = self.for_detection or objective.needs_features
        targets = self._targets(images, scores)
        composition = Composition(
            self.norm,
            self.epsilon,
            objective,
            estimator,
            self.stop,
            targets is not None,
            None if exact else search_model(model, images.floats(slice(0, 32), device=context.device)),
            self.on_grid,
        )
        proxies = tuple(proxy.model(context).requires_grad_(False) for proxy in self.proxies)
        informed = model if self.attack.access is Access.GRADIENT else None
        classes = len(context.data.classes)
        known_detector = self.deceived.known(context) if self.deceived else None
        # Fitting a detector looks at images too.
        context.progress.expect(len(images))
        with frozen(model):
            self.attack.prepare(
                Aids(
                    informed,
                    composition,
                    context.data.train.copy(),
                    classes,
                    proxies,
                    self.seed,
                    context.device,
                    known_detector,
                )
            )
        count = followed(estimator.draws, model.purify_passes, model.decision_passes)
        sampled = torch.zeros(len(images), dtype=torch.bool)
        sampled[evaluation_rows(images, count, self.seed)] = True

        def attack(rows: slice) -> tuple[Outcome, Transcript]:
            # Keyed by the method, not by its label: the same attack with another objective starts at the same points.
            # What the model is is in it, so that no defense can know an attack by its random numbers.
            purpose = f"attack {self.attack.name} {self.clean.fit.content(context)}"
            noise = Noise.of(self.seed, images.index[rows], device=context.device).stream(purpose)
            wanted = None if targets is None else targets[rows].to(context.device)
            aim = Aim(images.labels[rows].to(context.device), wanted, images.index[rows].to(context.device))
            transcript = Transcript(numbers[rows].tolist(), sampled[rows].to(context.device))
            outcome = self.attack(
                model, images.floats(rows, device=context.device), aim, noise, composition, transcript
            )
            context.progress.advance(len(outcome.success))
            return Outcome.concatenate([outcome]), transcript

        size = self.attack.batch_rows if self.attack.batch_coupled else None
        parts = context.batch_size.map(len(images), attack, size=size)
        return Outcome.concatenate([outcome for outcome, _ in parts]), [transcript for _, transcript in parts]

    def _fresh(
        self,
        model: DefendedModel,
        images: LabeledImages,
        goal: Aim,
        pixels: Tensor,
        verdict: Verdict,
        context: StepContext,
    ) -> Tensor:
        """Whether each attacked image, as submitted, withstands the goal, per fresh draw: bool [draws, N]."""
        logits = verdict.submitted[None]
        if model.randomized:
            logits = fresh_decisions(self.clean.fit, images, pixels, self.replicates, self.seed, "fresh", context)
        return torch.stack([~goal.reached(draw) for draw in logits])


def _untouched(frame: pd.DataFrame) -> pd.DataFrame:
    """One record per evaluation image as if none had been attacked; those wrong from the start stay so, not robust."""
    table = frame[["row", "sample_id", "group", "label", "clean_prediction", "clean_right"]].copy()
    return table.assign(
        adversarial_prediction=table["clean_prediction"],
        attacked=table["clean_right"],
        robust=False,
        verified=False,
        linf=0.0,
        l2=0.0,
        psnr=math.inf,
        ssim=1.0,
        forwards=0,
        backwards=0,
        broken_at=-1,
        scores=frame["scores"],
        fresh_right=frame["fresh_right"],
        stored_prediction=table["clean_prediction"],
        stored_right=False,
    )


def _samples(
    frame: pd.DataFrame,
    rows: Tensor,
    images: LabeledImages,
    goal: Aim,
    outcome: Outcome,
    verdict: Verdict,
    fresh: Tensor,
) -> pd.DataFrame:
    """One record per evaluation image, with what became of the attacked ones, which are `rows`.

    An image is robust where the verdict on what was submitted is right (or, with a target, not the target) and no break
    was verified at any step.
    """
    table = _untouched(frame)
    clean = images.floats()
    delta, pair = outcome.adversarial - clean, (clean.numpy(), outcome.adversarial.numpy())
    decided, kept = verdict.submitted.argmax(1), verdict.stored.argmax(1)
    values: dict[str, Tensor | list[float]] = {
        "adversarial_prediction": decided,
        "robust": ~goal.reached(verdict.submitted) & ~outcome.verified,
        "verified": outcome.verified,
        "linf": perturbation_size(delta, Norm.LINF),
        "l2": perturbation_size(delta, Norm.L2),
        "psnr": psnr(*pair),
        "ssim": ssim(*pair),
        "forwards": outcome.forwards,
        "backwards": outcome.backwards,
        "broken_at": outcome.broken_at,
        "scores": verdict.submitted.softmax(1),
        "fresh_right": fresh.double().mean(0),
        "stored_prediction": kept,
        "stored_right": ~goal.reached(verdict.stored),
    }
    for name, value in values.items():
        column = table[name].tolist()
        entries = value if isinstance(value, list) else value.tolist()
        for row, entry in zip(rows.tolist(), entries, strict=True):
            column[row] = entry
        table[name] = column
    return table
