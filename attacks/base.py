"""The contract of an attack. A subclass writes one `run`; the base class owns what every attack must get right."""

from __future__ import annotations

from abc import abstractmethod
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch
from torch import Tensor, nn

from attacks.contract.composition import Aids, Composition, Stop
from attacks.contract.conditions import Handed, checked, within_reach
from attacks.contract.outcome import AttackError, Attempt, Outcome
from attacks.effort import LEAST, Duration, Effort
from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from attacks.objectives.cross_entropy import CrossEntropy
from attacks.testimony.transcript import Transcript
from attacks.testimony.witness import NoAnswerError, Witness
from attacks.victim import Blind, Counter, Decisions, Oracle, Victim
from benchmark.core.batching import BatchSize
from benchmark.core.bounds import perturbation_bound
from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.plugin import Plugin
from benchmark.core.threat import Access, Epsilon, Norm
from benchmark.core.two_logits import TwoLogits
from benchmark.core.user_images import as_images, as_labels

if TYPE_CHECKING:
    from benchmark.core.user_images import Images, Labels

__all__ = ["Aids", "Attack", "AttackError", "Attempt", "Composition", "Outcome", "Stop"]


class Attack(Plugin):
    """A way to find an adversarial image.

    Class attributes:
        norms: The norms it can respect.
        access: What it needs of the model; a black-box attack is handed an object that can only be queried.
        batch_coupled: The rows of a batch share random numbers or a stopping rule (some libraries' attacks), so
            the harness always calls it with the same batches, whatever the batch size asked for.
        batch_rows: The size of those batches.
        minimal: It looks for the nearest adversarial image and may end beyond ε; an image that does counts as failed.
        takes_objective: It maximises the objective that a suite names in place of its own. An attack without gradient
            access never sees one, whatever it says here.
        proxies: How many classifiers of the attacker's own it needs; a transfer attack may make this a setting.
        takes_targets: It can be sent to one class; a suite that asks for that is refused otherwise.
        needs_detector: It deceives one given detector, so it is run once for each, and `prepare` is handed it fitted.
        control: Why it completes no row, whatever its settings; empty for an attack that can.
        learns: `prepare` cannot do without training images.
        low_frequency: Its perturbations are of low spatial frequencies alone: it meets that need of a purifier that
            votes, and no other.
    """

    kind = "attack"
    norms: ClassVar[frozenset[Norm]] = frozenset({Norm.LINF})
    access: ClassVar[Access] = Access.GRADIENT
    batch_coupled: ClassVar[bool] = False
    batch_rows: ClassVar[int] = 64
    minimal: ClassVar[bool] = False
    takes_objective: ClassVar[bool] = True
    takes_targets: ClassVar[bool] = True
    needs_detector: ClassVar[bool] = False
    control: ClassVar[str] = ""
    learns: ClassVar[bool] = False
    low_frequency: ClassVar[bool] = False
    proxies: int = 0

    def prepare(self, aids: Aids) -> None:
        """Learn what does not depend on the attacked images (learned attributes end in `_`); nothing by default."""

    @abstractmethod
    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Attempt | Tensor:
        """Attack clean images `x` [B, C, H, W] that the model classifies correctly.

        Args:
            victim: A `Victim` (access "gradient"), an `Oracle` ("scores", "decisions") or a `Blind` ("surrogate"), with
                `aim` and `ball`.
            x: Clean images in [0, 1].
            noise: Keyed random numbers, one row per image.
            stop: When to end.

        Returns:
            The images to submit, alone or as an `Attempt`.
        """
        raise NotImplementedError

    def default_objective(self) -> Objective:
        """What the attack maximises when the suite does not say."""
        return CrossEntropy()

    def budget(self) -> str:
        """The attacker's effort in words, for the threat model."""
        return "one run"

    def parts(self) -> tuple[Attack, ...]:
        """The attacks that it is composed of: itself alone, but for an ensemble."""
        return (self,)

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        """What it spends on an image that never falls; by default it does not say, and completes no row."""
        return Effort()

    def duration(self) -> Duration:
        """How long it goes on, as `broken_at` counts; by default a single look."""
        return Duration()

    def least(self) -> Effort:
        """The least effort that makes it an attack; never less than `LEAST` for its access."""
        return LEAST[self.access]

    def shortfall(self, norm: Norm, epsilon: float) -> str:
        """What its settings lack of that, in words; empty where they are a fair effort."""
        return self.control or self.effort(norm, epsilon).short_of(self.least())

    def bound(self, norm: Norm, epsilon: Epsilon) -> str:
        """The allowed perturbation in words, for the threat model."""
        return f"{norm.symbol} ε = {epsilon} on [0, 1] pixels"

    @final
    def attack(
        self,
        model: nn.Module,
        images: Images,
        labels: Labels,
        *,
        epsilon: str | float,
        norm: Norm | str = Norm.LINF,
        targets: Labels | None = None,
        seed: int = 0,
        batch_size: int = 128,
    ) -> Tensor:
        """Adversarial images of any network, without a suite: `PGD(steps=20).attack(model, x, y, epsilon="8/255")`.

        An image that the model already gets wrong (with `targets`, one that is already there) comes back as it was, as
        does one for which an attack that looks for the nearest adversarial image finds none within ε. The model is
        asked in eval mode; its mode, its parameters' `requires_grad` and torch's random state are left as they were.

        Args:
            model: Images [B, C, H, W] in [0, 1] → logits [B, K], or one logit.
            images: [N, C, H, W], floats in [0, 1] or uint8.
            labels: True classes [N].
            epsilon: ε on pixels in [0, 1], such as "8/255".
            norm: "linf", "l2", "l1", "l0" or "spatial".
            targets: Classes [N] to arrive at; any wrong class counts without.
            seed: Of everything random; the numbers of image i depend on it and on i alone.
            batch_size: Images at a time.

        Returns:
            float32 [N, C, H, W] in [0, 1] and within ε, where the images were.

        Raises:
            UserError: Wrong input, or the attack needs more than a model and images.
            AttackError: The attack broke its contract.
        """
        where = f"attack {self.name!r}"
        clean, network = as_images(images, where="images"), TwoLogits(model)
        device = network.device or clean.device
        x = (clean.float() / 255 if clean.dtype == torch.uint8 else clean).to(device)
        classes = network.asked(x[:2]).shape[1]
        y = as_labels(labels, count=len(x), classes=classes, where="labels").to(device)
        aim = Aim(y, _targets(self, targets, len(x), classes, device))
        objective = self.default_objective()
        remedy = self._lacking(objective)
        if remedy:
            raise UserError("it needs more than a model and images", where=where, remedy=remedy)
        if norm not in self.norms:
            known = " or ".join(repr(str(n)) for n in sorted(self.norms))
            raise UserError(f"it cannot respect {str(norm)!r}", where=f"{where}: norm", remedy=f"use {known}")
        norm = Norm(norm)
        bound = perturbation_bound(epsilon, norm, x.shape[1:], where=f"{where}: epsilon")
        composition = Composition(norm, bound, targeted=targets is not None)
        defended = DefendedModel(network)
        none = LabeledImages(x.new_zeros(0, *x.shape[1:], dtype=torch.uint8).cpu(), y[:0].cpu(), ())
        prepared = copy(self)
        aided = defended if self.access is Access.GRADIENT else None
        prepared.prepare(Aids(aided, composition, none, classes, (), seed, device))

        def perturbed(rows: slice) -> Tensor:
            noise = Noise.of(seed, range(rows.start, rows.stop), device=device).stream(f"attack {self.name}")
            with frozen(defended), torch.no_grad():
                left = (~aim[rows].reached(defended.classify(x[rows]))).nonzero().flatten()
            found = x[rows].clone()
            if len(left):
                outcome = prepared(defended, found[left], aim[rows][left], noise[left], composition)
                found[left] = outcome.adversarial
            return found

        size = self.batch_rows if self.batch_coupled else None
        return torch.cat(BatchSize(batch_size).map(len(x), perturbed, size=size)).to(clean.device)

    def _lacking(self, objective: Objective) -> str:
        """What to use instead where it needs more than a model and images; empty where it does not."""
        if self.needs_detector or objective.detector_aware:
            return "it deceives a detector: give it a suite with a [detection] table"
        if self.proxies:
            return "it needs classifiers of the attacker's own: give it a suite, whose runs train them"
        if self.learns or objective.needs_features:
            return "it learns from training images: use benchmark.evaluate(…, train=(images, labels))"
        return ""

    @final
    def __call__(
        self,
        model: DefendedModel,
        x: Tensor,
        aim: Aim,
        noise: Noise,
        composition: Composition,
        transcript: Transcript | None = None,
    ) -> Outcome:
        """Attack a batch and check the result.

        The attack works on copies: what it writes into them is found out, and what it claims counts for nothing.

        Args:
            model: The defended model.
            x: Clean images [B, C, H, W].
            aim: What the attack is after.
            noise: Keyed random numbers, one row per image.
            composition: How the attack is put together.
            transcript: Where a sample of its questions goes; None to keep none.

        Raises:
            AttackError: The result has another shape, is not finite, leaves [0, 1] or the allowed ball, or the attack
                wrote into what it was handed.
            NoAnswerError: The model answered with NaN or infinity.
        """
        if aim.sample_ids is None:
            aim = replace(aim, sample_ids=noise.lanes)
        ball = composition.ball(x)
        handed = Handed.copies(x, aim)
        shown = replace(ball, center=handed.x)
        counter = Counter.zeros(x.shape[0], x.device)
        rows = torch.arange(x.shape[0], device=x.device)
        asked = model if composition.search is None else composition.search
        witness = Witness(model, aim, ball, transcript)
        victim: Blind
        ignorant = False
        if self.access is Access.GRADIENT:
            objective = composition.objective or self.default_objective()
            victim = Victim(asked, objective, composition.estimator, handed.aim, shown, counter, rows, witness)
            ignorant = not composition.estimator.sees_defense
        elif self.access is Access.SURROGATE:
            victim = Blind(handed.aim, shown)
        else:
            kind = Decisions if self.access is Access.DECISIONS else Oracle
            victim = kind(asked, handed.aim, shown, counter, rows, witness)
        # Libraries draw from and reseed the global generator; nothing of that may leak out.
        with frozen(model, asked), torch.random.fork_rng(devices=_cuda_devices(x)):
            result = self.run(victim, handed.x, noise, composition.ends(model, ignorant=ignorant))
            attempt = result if isinstance(result, Attempt) else Attempt(result)
            if ignorant:
                attempt = Attempt(attempt.x)
            if not handed.untouched(x, aim):
                raise AttackError(f"{self.name} wrote into the images or labels that it was handed")
            submitted = within_reach(attempt.x, ball) if self.minimal else attempt.x
            adversarial = ball.shown(checked(self.name, submitted, ball))
            with torch.no_grad():
                logits = model.decide(adversarial, noise.stream("verdict"))
        if not bool(logits.isfinite().all()):
            raise NoAnswerError("the model answered what was submitted with NaN or infinity")
        claimed = torch.full_like(rows, -1) if attempt.broken_at is None else attempt.broken_at
        success = aim.reached(logits) | witness.verified
        outcome = Outcome(
            adversarial=adversarial,
            success=success,
            verified=witness.verified,
            logits=logits,
            broken_at=torch.where(witness.verified if model.randomized else witness.fallen, claimed, -1),
            forwards=counter.forwards,
            backwards=counter.backwards,
        )
        denied = (outcome.broken_at >= 0) & ~success
        if asked is not model and bool(denied.any()):
            doubtful = denied.nonzero().flatten()
            plainly = replace(composition, search=None)
            outcome.amend(doubtful, self(model, x[doubtful], aim[doubtful], noise[doubtful], plainly))
        return outcome


def _targets(attack: Attack, targets: Labels | None, count: int, classes: int, device: torch.device) -> Tensor | None:
    if targets is None:
        return None
    if not attack.takes_targets:
        raise UserError("it cannot be sent to one class", where=f"attack {attack.name!r}", remedy="leave targets out")
    return as_labels(targets, count=count, classes=classes, where="targets").to(device)


def _cuda_devices(x: Tensor) -> list[int]:
    return [x.device.index or 0] if x.device.type == "cuda" else []
