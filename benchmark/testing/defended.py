"""What must hold of the model that a defense leaves behind."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.defended import MINIMUM_ROWS, DefendedModel
from benchmark.core.frozen import frozen
from benchmark.core.noise import Noise
from benchmark.testing.claims import Claims
from benchmark.testing.gradients import check_gradients
from benchmark.testing.isolation import global_randomness, untouched
from benchmark.testing.problem import Problem
from defenses.base import Defense

_IMAGES = 3 * MINIMUM_ROWS
_ROUNDING = 1e-5


class Defended:
    """A defended model on one task.

    Args:
        defense: The defense, for its traits.
        claims: What is claimed of it.
        problem: The task.
        classifier: The classifier that is defended.
        model: What `defend` gave.
    """

    def __init__(
        self, defense: Defense, claims: Claims, problem: Problem, classifier: nn.Module, model: DefendedModel
    ) -> None:
        self.defense = defense
        self.claims = claims
        self.classifier = classifier
        self.model = model
        images = problem.evaluation[torch.arange(_IMAGES)]
        self.x = images.floats()
        self.noise = Noise.of(0, images.index)
        self.classes = problem.classes
        self.on = f"on images of shape {images.shape}"

    def check(self) -> None:
        """Every claim; raises AssertionError for the first that does not hold."""
        self._check_randomness()
        self._check_traits()
        self._check_batches()
        self._check_cost()
        check_gradients(self.defense, self.claims, self.model, self.x, self.noise)

    def purified(self, x: Tensor | None = None, noise: Noise | None = None, *, seed: int = 1) -> Tensor:
        """The images as the classifier sees them; raises UserError where the defense refuses them."""
        x, noise = (self.x if x is None else x), noise or self.noise
        given = x.clone()
        with (
            self.claims.works(f"purify {self.on}", may_refuse=True),
            untouched(self.claims, "purifies", self.classifier),
            global_randomness(self.claims, "purifies", seed=seed),
            frozen(self.model),
            torch.no_grad(),
        ):
            purified = self.model.purify(x, noise)
        self.claims.holds(torch.equal(x, given), "changes the images it is given")
        self.claims.holds(
            purified.shape == x.shape and purified.dtype == x.dtype,
            f"purifies {x.dtype} {list(x.shape)} to {purified.dtype} {list(purified.shape)}",
        )
        self.claims.holds(bool(purified.isfinite().all()), "gives purified images with NaN or infinity")
        self.claims.holds(
            bool((purified >= -_ROUNDING).all() and (purified <= 1 + _ROUNDING).all()),
            "gives purified images outside [0, 1], which is all that the classifier knows; clamp them",
        )
        return purified

    def decision(self, x: Tensor | None = None, noise: Noise | None = None) -> Tensor:
        """The defended model's answer, checked for shape and finiteness."""
        x, noise = (self.x if x is None else x), noise or self.noise
        with self.claims.works(f"decide {self.on}"), frozen(self.model), torch.no_grad():
            logits = self.model.decide(x, noise)
        expected = (x.shape[0], self.classes)
        self.claims.holds(logits.shape == expected, f"answers with shape {list(logits.shape)}, not {list(expected)}")
        self.claims.holds(bool(logits.isfinite().all()), "answers with NaN or infinity")
        return logits

    def _check_traits(self) -> None:
        claims, defense, model = self.claims, self.defense, self.model
        purified = self.purified()
        same = torch.equal(purified, self.x)
        claims.holds(defense.purifier or same, "changes the image and does not say `purifier = True`")
        claims.holds(not (defense.purifier and same), "says `purifier = True` and gives the image back as it is")
        with frozen(model), torch.no_grad():
            kept = torch.equal(model.classify(purified), self.classifier(purified))
        claims.holds(defense.retrains or kept, "answers with another classifier and does not say `retrains = True`")
        claims.holds(
            not (defense.retrains and kept), "says `retrains = True` and answers with the classifier as it was"
        )
        claims.holds(
            model.randomized == defense.randomized,
            f"says `randomized = {defense.randomized}` and its model says {model.randomized}",
        )
        claims.holds(model.votes >= 1, f"decides with {model.votes} votes")
        if not defense.gradient_at_inference:
            self._check_no_gradient_needed()

    def _check_no_gradient_needed(self) -> None:
        expected = self.decision(self.x, self.noise)
        with (
            self.claims.works(
                "classify where autograd is out of reach (or it must say `gradient_at_inference = True`)"
            ),
            frozen(self.model),
            torch.inference_mode(),
        ):
            answer = self.model.decide(self.x, self.noise)
        self.claims.holds(torch.equal(answer, expected), "answers differently where autograd is out of reach")

    def _check_randomness(self) -> None:
        claims = self.claims
        first, second = self.purified(seed=2), self.purified(seed=3)
        claims.holds(torch.equal(first, second), "gives another image the second time, from the same noise")
        other = self.purified(noise=self.noise.stream("other draws"))
        changed = not torch.equal(first, other)
        claims.holds(changed or not self.defense.randomized, "says `randomized = True` and its noise changes nothing")
        claims.holds(self.defense.randomized or not changed, "uses its noise and does not say `randomized = True`")
        if self.defense.randomized:
            self._check_draws(first)

    def _check_draws(self, first: Tensor) -> None:
        """An attack that looks again, and a verdict after it, must meet numbers that nobody has seen."""
        claims, noise = self.claims, self.noise
        keyed = {
            "at two steps": [noise.at(0), noise.at(7)],
            "at one step of two streams": [noise.stream("one").at(3), noise.stream("other").at(3)],
            "at one step within two others": [noise.at(0).at(3), noise.at(1).at(3)],
        }
        for where, ways in keyed.items():
            one, other = (self.purified(noise=way) for way in ways)
            claims.holds(not torch.equal(one, other), f"draws the same random numbers {where}")
            claims.holds(not torch.equal(one, first), f"draws the same random numbers {where} as at none")
        same = self.x[:1].expand_as(self.x)
        for what, purified in (
            ("samples", self.purified(same)),
            ("draws", self.purified(same, noise[:1].repeat(_IMAGES))),
        ):
            distinct = len(torch.unique(purified.flatten(1), dim=0))
            claims.holds(distinct > 1, f"gives one image the same random numbers as {_IMAGES} {what}")

    def _check_batches(self) -> None:
        claims, x, noise = self.claims, self.x, self.noise
        together = self.decision(x, noise)
        groups = [torch.arange(start, start + MINIMUM_ROWS) for start in range(0, _IMAGES, MINIMUM_ROWS)]
        parts = torch.cat([self.decision(x[rows], noise[rows]) for rows in groups])
        if torch.equal(self._bare(x), torch.cat([self._bare(x[rows]) for rows in groups])):
            # Where the classifier alone gives the same bits in either batch, so must the defense.
            claims.holds(torch.equal(parts, together), self._other_logits(parts, together, MINIMUM_ROWS))
        alone = torch.cat([self.decision(x[i : i + 1], noise[i : i + 1]) for i in range(4)])
        for answer, size in ((parts, MINIMUM_ROWS), (alone, 1)):
            expected = together[: len(answer)]
            claims.holds(_close(answer, expected), self._other_logits(answer, expected, size))
        order = torch.arange(_IMAGES).flip(0)
        claims.holds(
            _close(self.decision(x[order], noise[order]), together[order]),
            "gives an image another answer when the batch is in another order",
        )

    def _other_logits(self, answer: Tensor, expected: Tensor, size: int) -> str:
        worst = float((answer - expected).abs().max())
        return f"gives an image other logits (by {worst:.3g}) in a batch of {size} than in one of {_IMAGES} {self.on}"

    def _bare(self, x: Tensor) -> Tensor:
        with frozen(self.classifier), torch.no_grad():
            logits: Tensor = self.classifier(x)
        return logits

    def _check_cost(self) -> None:
        rows = 0

        def count(_module: nn.Module, inputs: tuple[Tensor, ...], _output: object) -> None:
            nonlocal rows
            rows += inputs[0].shape[0]

        handles = [network.register_forward_hook(count) for network in self.model.networks]
        try:
            self.purified()
        finally:
            for handle in handles:
                handle.remove()
        declared = self.model.purify_passes.forwards
        self.claims.holds(
            rows <= declared * _IMAGES,
            f"says that purifying an image costs {declared} forward passes, and it costs {rows / _IMAGES:.3g}",
        )


def _close(answer: Tensor, expected: Tensor) -> bool:
    return bool(((answer - expected).abs() <= _ROUNDING * (1 + expected.abs())).all())
