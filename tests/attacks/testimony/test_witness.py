"""Attacks that lie: what an attack claims counts for nothing, and what it writes into is found out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attacks.base import Attack, AttackError, Attempt, Composition, Stop
from attacks.bim import BIM
from attacks.ead import EAD
from attacks.gradients.autograd import Autograd
from attacks.objectives.aim import Aim
from attacks.pgd import PGD
from attacks.testimony.transcript import SLOTS, Transcript
from attacks.testimony.witness import NoAnswerError
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from tests.attacks.attacking import attack
from tests.attacks.networks import Linear, decisions


class Draws(nn.Module):
    """Logits [0, x̄ − ½ + noise] of a purifier that adds noise to every pixel alike."""

    @staticmethod
    def model(size: float = 0.05) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            return x + size * noise.normal((1, 1, 1))

        return DefendedModel(Linear(torch.full((1, 4, 4), 1 / 16), -0.5), purify=purify, votes=4, randomized=True)


class Writer(Attack):
    def __init__(self, *, into: str = "x") -> None:
        self.into = into

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Attempt | Tensor:
        if self.into == "x":
            return x.zero_()
        if self.into == "center":
            return victim.ball.center.zero_()
        victim.aim.labels.copy_(1 - victim.aim.labels)
        return x


@pytest.mark.parametrize("into", ["x", "center", "labels"])
def test_an_attack_that_writes_into_what_it_was_handed_fails(into: str, images: Tensor, network: nn.Module) -> None:
    before, aim = images.clone(), Aim(decisions(network, images))
    with pytest.raises(AttackError, match="wrote into"):
        attack(Writer(into=into), network, images, "8/255", aim=aim)
    assert torch.equal(images, before)
    assert torch.equal(aim.labels, decisions(network, images))


class Boaster(Attack):
    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Attempt | Tensor:
        return Attempt(x, torch.zeros(len(x), dtype=torch.int64))


class OutOfBounds(Attack):
    """Has images beyond ε confirmed and submits the clean ones."""

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Attempt | Tensor:
        far = 1 - x
        fallen = victim.verify(far, torch.ones(len(x), dtype=torch.bool), noise)
        return Attempt(x, torch.where(fallen, 0, -1))


@pytest.mark.parametrize("liar", [Boaster(), OutOfBounds()])
@pytest.mark.parametrize("randomized", [False, True])
def test_a_claim_breaks_no_image(liar: Attack, randomized: bool) -> None:
    x = torch.full((6, 1, 4, 4), 0.9)
    model = Draws.model() if randomized else DefendedModel(Linear(torch.full((1, 4, 4), 1 / 16), -0.5))
    outcome = attack(liar, model, x, "8/255", aim=Aim(torch.ones(6, dtype=torch.int64)))
    assert not outcome.success.any()
    assert (outcome.broken_at == -1).all()


def test_a_random_models_attack_goes_on_to_its_last_step_and_counts_the_verdict() -> None:
    x = 0.5 + 0.02 * Noise.of(3, range(64)).uniform((1, 4, 4))
    labels = torch.ones(64, dtype=torch.int64)
    whole = attack(BIM(steps=12, step_size="1/255"), Draws.model(0.002), x, "8/255", aim=Aim(labels))
    first = (whole.adversarial - x).abs().amax((1, 2, 3))
    # It takes a few steps to cross and the ball's edge is reached by step 8: who stopped at the crossing is nearer.
    torch.testing.assert_close(first, torch.full_like(first, 8 / 255), rtol=0, atol=1e-5)
    assert bool(((whole.broken_at >= 0) & (whole.broken_at < 8)).any())
    lucky = ~whole.verified & (whole.logits.argmax(1) != labels)
    assert bool(whole.success[lucky].all())


def test_the_deployed_model_confirms_and_not_the_copy_that_the_search_asks() -> None:
    x, aim = torch.full((16, 1, 4, 4), 0.9), Aim(torch.ones(16, dtype=torch.int64))
    wrong = DefendedModel(Linear(torch.full((1, 4, 4), -1 / 16), 0.5), purify=lambda x, noise: x, randomized=True)
    composition = Composition(Norm.LINF, Epsilon.parse("8/255"), None, Autograd(), Stop.FIRST_SUCCESS, wrong)
    outcome = PGD(steps=3)(Draws.model(), x, aim, Noise.of(0, range(16)), composition)
    assert not outcome.success.any()


class Refusing(nn.Module):
    """NaN wherever the image has left the 8-bit grid."""

    def forward(self, x: Tensor) -> Tensor:
        z = x.flatten(1).mean(1) - 0.5
        off = ((x * 255 - (x * 255).round()).abs() > 1e-3).flatten(1).any(1)
        return torch.stack([torch.zeros_like(z), torch.where(off, float("nan"), z)], 1)


def test_refusing_to_answer_is_not_robustness() -> None:
    x = torch.full((8, 1, 4, 4), 140 / 255)
    with pytest.raises(NoAnswerError, match="NaN or infinity"):
        attack(PGD(steps=5), Refusing(), x, "2/255", aim=Aim(torch.ones(8, dtype=torch.int64)))


def test_a_transcript_holds_what_was_asked_and_the_same_in_any_batch(images: Tensor, network: nn.Module) -> None:
    model = DefendedModel(network)
    composition = Composition(Norm.LINF, Epsilon.parse("1/255"))
    aim, noise = Aim(decisions(network, images)), Noise.of(0, range(len(images)))

    def ask(rows: slice) -> Transcript:
        numbers = list(range(len(images)))[rows]
        transcript = Transcript(numbers, torch.tensor([n % 2 == 0 for n in numbers]))
        PGD(steps=6)(model, images[rows], aim[rows], noise[rows], composition, transcript)
        return transcript

    whole, parts = ask(slice(0, 24)), [ask(slice(0, 5)), ask(slice(5, 24))]
    for slot in range(SLOTS):
        kept = whole.answers(slot)
        again = [answer for part in parts for answer in part.answers(slot)]
        assert [a.image for a in kept] == [a.image for a in again] == list(range(0, 24, 2))
        for one, other in zip(kept, again, strict=True):
            assert torch.equal(one.x, other.x)
            assert one.noise.key == other.noise.key
            with torch.no_grad():
                torch.testing.assert_close(network(one.x[None])[0], one.logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "norm", "claims"), [(PGD(steps=4), Norm.LINF, True), (EAD(steps=20), Norm.L1, False)]
)
def test_a_slope_is_claimed_of_an_image_alone_and_not_of_a_library_s_batch(
    method: Attack, norm: Norm, claims: bool, images: Tensor, network: nn.Module
) -> None:
    composition = Composition(norm, Epsilon.parse("0.01"))
    aim, noise = Aim(decisions(network, images)), Noise.of(0, range(len(images)))
    transcript = Transcript(list(range(len(images))), torch.ones(len(images), dtype=torch.bool))
    method(DefendedModel(network), images, aim, noise, composition, transcript)
    kept = [answer for slot in range(SLOTS) for answer in transcript.answers(slot)]
    assert any(answer.claim is not None for answer in kept) is claims
    for answer in kept:
        if answer.claim is not None:
            assert answer.claim.objective(answer.logits[None], None, answer.claim.aim).shape == (1,)
