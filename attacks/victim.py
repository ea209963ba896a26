"""What an attack may ask of a model. Every question is counted, and access is what the object offers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attacks.geometry.ball import Ball
from attacks.gradients.base import Ascent, GradientEstimator
from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from attacks.testimony.transcript import Claim, Question
from attacks.testimony.witness import Witness
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.features import Features, recording
from benchmark.core.noise import Noise


@dataclass
class Counter:
    """Forward and backward passes spent on each image of a batch: int64 [B] each."""

    forwards: Tensor
    backwards: Tensor

    @classmethod
    def zeros(cls, rows: int, device: torch.device) -> Counter:
        return cls(*(torch.zeros(rows, dtype=torch.int64, device=device) for _ in range(2)))

    def charge(self, rows: Tensor, passes: Passes) -> None:
        """Note `passes` for each of `rows`; an image that is named several times pays several times."""
        for spent, count in ((self.forwards, passes.forwards), (self.backwards, passes.backwards)):
            if count:
                spent.index_add_(0, rows, torch.full_like(rows, count))


class Blind:
    """The aim and the allowed images, and no model: what a transfer attack receives."""

    def __init__(self, aim: Aim, ball: Ball) -> None:
        self.aim = aim
        self.ball = ball


@dataclass(frozen=True)
class Observation:
    """The last image the attack asked about, and the answer."""

    x: Tensor
    logits: Tensor


class Oracle(Blind):
    """A model that can be queried for scores and nothing else: what a black-box attack receives.

    Attributes:
        aim: What the attack is after.
        ball: The allowed images.
    """

    def __init__(
        self,
        model: DefendedModel,
        aim: Aim,
        ball: Ball,
        counter: Counter,
        rows: Tensor,
        witness: Witness | None = None,
    ) -> None:
        super().__init__(aim, ball)
        self._observed: Observation | None = None
        self._counter = counter
        self._rows = rows
        self._model = model
        self._witness = witness

    @property
    def observed(self) -> Observation:
        """The last question and its answer; raises LookupError where nothing has been asked."""
        if self._observed is None:
            raise LookupError("the victim has been asked nothing")
        return self._observed

    @observed.setter
    def observed(self, seen: Observation) -> None:
        self._observed = seen

    @property
    def asked(self) -> bool:
        """Whether anything has been asked since `forget`."""
        return self._observed is not None

    def forget(self) -> None:
        """As if nothing had been asked; passes stay charged."""
        self._observed = None

    def scores(self, x: Tensor, noise: Noise) -> Tensor:
        """The defended model's decision logits [B, K], all votes taken; row i is charged to image i."""
        x = self.ball.shown(x.detach())
        with torch.no_grad():
            # A clone, because some attacks write into the scores they are given.
            logits = self._model.decide(x, noise).clone()
        self._counter.charge(self._rows, self._model.decision_passes)
        if self._witness is not None:
            self._witness.answered(self._rows, Question(x, noise), logits)
        self.observed = Observation(x, logits)
        return logits

    def verify(self, x: Tensor, candidate: Tensor, noise: Noise) -> Tensor:
        """Which candidates really fall: bool [B].

        A deterministic model's answer stands. A randomized one is asked again, with fresh draws and all its votes, for
        the candidates alone, in one batch (the second stage of Hill et al. 2021, algorithm 1). It is the deployed model
        that confirms, also where the search asks a copy.
        """
        if not self._model.randomized or not bool(candidate.any()):
            return candidate
        rows = candidate.nonzero().flatten()
        witness, fresh = self._witness, noise[rows].stream("verify")
        with torch.no_grad():
            shown = self.ball[rows].shown(x[rows])
            logits = (self._model if witness is None else witness.model).decide(shown, fresh)
        self._counter.charge(self._rows[rows], self._model.decision_passes)
        confirmed = torch.zeros_like(candidate)
        if witness is None:
            confirmed[rows] = self.aim[rows].reached(logits)
        else:
            confirmed[rows] = witness.confirmed(self._rows[rows], Question(shown, fresh), logits)
        return confirmed

    def __getitem__(self, rows: Tensor) -> Oracle:
        """The oracle for some of the images."""
        return Oracle(self._model, self.aim[rows], self.ball[rows], self._counter, self._rows[rows], self._witness)


class Decisions(Oracle):
    """A model that only says which class: its scores are 1 for the class decided on and 0 for the others."""

    def scores(self, x: Tensor, noise: Noise) -> Tensor:
        logits = super().scores(x, noise)
        decided = nn.functional.one_hot(logits.argmax(1), logits.shape[1]).to(logits.dtype)
        # Scores that are not finite stay so: no attack may take them for an answer.
        decided[~logits.isfinite().all(1)] = float("nan")
        self.observed = Observation(self.ball.shown(x.detach()), decided)
        return decided

    def __getitem__(self, rows: Tensor) -> Decisions:
        whole = super().__getitem__(rows)
        return Decisions(self._model, whole.aim, whole.ball, self._counter, self._rows[rows], self._witness)


class Victim(Oracle):
    """A model bound to an objective and a gradient estimator: what a white-box attack receives.

    Attributes:
        pursued: The aim that the objective is told, where it differs from the one that counts as success.
    """

    def __init__(
        self,
        model: DefendedModel,
        objective: Objective,
        estimator: GradientEstimator,
        aim: Aim,
        ball: Ball,
        counter: Counter,
        rows: Tensor,
        witness: Witness | None = None,
        pursued: Aim | None = None,
    ) -> None:
        super().__init__(model, aim, ball, counter, rows, witness)
        self.pursued = aim if pursued is None else pursued
        self.model = model
        self.objective = objective
        self.estimator = estimator

    def gradient(self, x: Tensor, noise: Noise) -> Tensor:
        """Gradient of the objective at `x`: [B, C, H, W], to be ascended."""
        return self.ascent(x, noise).gradient

    def ascent(self, x: Tensor, noise: Noise) -> Ascent:
        """The gradient with the objective's value and the logits that it was taken at."""
        x = self.ball.shown(x.detach())
        ascent = self.estimator(self.model, self.objective, x, self.pursued, noise)
        self._counter.charge(self._rows, self.estimator.passes(self.model))
        if self._witness is not None and self.estimator.sees_defense:
            question = Question(x, noise, self.estimator.draws)
            self._witness.answered(self._rows, question, ascent.logits, self._claim(ascent))
        self.observed = Observation(x, ascent.logits)
        return ascent

    def _claim(self, ascent: Ascent) -> Claim | None:
        """What can be checked of a gradient: one that says it is true, of an objective that needs the logits alone."""
        objective = self.objective
        if not self.estimator.exact or objective.needs_features or objective.of_one_batch:
            return None
        return Claim(ascent.gradient, self.objective, self.pursued)

    def features(self, x: Tensor, noise: Noise) -> tuple[Features, Tensor]:
        """What a detector sees: hidden features of the classifier, and one draw's logits [B, K]; no gradient."""
        with torch.no_grad():
            purified = self.model.purify(self.ball.shown(x.detach()), noise)
            with recording(self.model.classifier) as seen:
                logits = self.model.classify(purified)
        count, passes = x.shape[0], self.model.purify_passes
        self._counter.charge(self._rows, Passes(1 + passes.forwards, passes.backwards))
        assert seen.penultimate is not None
        # Small batches are padded on their way in; only the first rows are images.
        return Features([layer[:count] for layer in seen.layers], seen.penultimate[:count]), logits

    def towards(self, objective: Objective, aim: Aim | None = None, *, pursued: Aim | None = None) -> Victim:
        """The same model asked for another objective, or with another aim; passes go on the same account.

        Args:
            objective: What to maximise.
            aim: What counts as success; this victim's where None.
            pursued: What the objective is told to go after, as where every wrong class counts and one is tried after
                the other; the aim where None.
        """
        aim = self.aim if aim is None else aim
        return Victim(
            self.model, objective, self.estimator, aim, self.ball, self._counter, self._rows, self._witness, pursued
        )

    def queries_only(self) -> Oracle:
        """The same model without its gradient, for a black-box attack within an ensemble."""
        return Oracle(self.model, self.aim, self.ball, self._counter, self._rows, self._witness)

    def __getitem__(self, rows: Tensor) -> Victim:
        return Victim(
            self.model,
            self.objective,
            self.estimator,
            self.aim[rows],
            self.ball[rows],
            self._counter,
            self._rows[rows],
            self._witness,
            self.pursued[rows],
        )
