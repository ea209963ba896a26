"""Whether the report tells a convergent energy from a short-run one."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from defenses.energy.convergence import Convergence
from defenses.energy.langevin import langevin_chain
from defenses.energy.long_run import LongRun, long_runs
from defenses.energy.network import EnergyNetwork
from defenses.energy.recipe import EnergyRecipe
from defenses.energy.report import EnergyReport
from defenses.energy.training import train_energy

CPU = torch.device("cpu")
RADIUS, MODES = 0.6, 8
RECIPE = EnergyRecipe(
    steps=10,
    step=0.06,
    temperature=0.06**2 / 2,
    data_noise=0.06,
    negatives="persistent",
    bank_size=1000,
    rejuvenation=0.0,
    batch_size=64,
    iterations=300,
    learning_rate=3e-3,
    decay=0.5,
    rate_drops=0,
    sgd_iterations=0,
    sgd_learning_rate=1e-4,
    averaging=0.0,
)
"""ε is large for pixels, so that chains get from one mode to the next."""


def ring() -> LabeledImages:
    """Eight Gaussians on a circle, as images of two pixels (the toy of Nijkamp et al. 2020, figure 5)."""
    generator = torch.Generator().manual_seed(0)
    angle = torch.arange(1000) % MODES * (2 * math.pi / MODES)
    points = RADIUS * torch.stack([angle.cos(), angle.sin()], 1) + 0.06 * torch.randn(1000, 2, generator=generator)
    pixels = ((points + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)[:, None, None]
    return LabeledImages(pixels, torch.zeros(1000, dtype=torch.int64), tuple(map(str, range(1000))))


class Plane(nn.Module):
    """An energy of two pixels."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            layers = [nn.Linear(2, 64), nn.Softplus(5), nn.Linear(64, 64), nn.Softplus(5), nn.Linear(64, 1)]
            self.layers = nn.Sequential(nn.Flatten(), *layers)

    def forward(self, x: Tensor) -> Tensor:
        energy: Tensor = self.layers(x)
        return energy.flatten()


# Noise this small finds no data from where it starts: the energy has to drive chains there.
SHORT = replace(
    RECIPE,
    negatives="short-run",
    steps=8,
    step=0.02,
    temperature=0.02**2 / 2,
    data_noise=0.02,
    iterations=200,
    learning_rate=1e-2,
    decay=0.0,
)


def trained(recipe: EnergyRecipe) -> tuple[EnergyReport, Plane]:
    energy = Plane()
    training = train_energy(energy, ring(), recipe, seed=0, report=lambda _part, _note: None)
    looks, _ = long_runs(
        energy.requires_grad_(False),
        ring(),
        images=64,
        steps=recipe.steps,
        step=recipe.step,
        temperature=recipe.temperature,
        seed=0,
        device=CPU,
        report=lambda _part: None,
    )
    return EnergyReport(training, looks), energy


def test_a_convergent_energy_passes_and_keeps_every_mode() -> None:
    report, energy = trained(RECIPE)
    assert report.verdict == "convergent", report.reasons
    noise = Noise.of(1, range(200))
    states = ring().floats(slice(0, 200)) * 2 - 1
    states = langevin_chain(energy, states, noise, steps=300, step=RECIPE.step, temperature=RECIPE.temperature)
    points = states.flatten(1)
    assert (points.norm(dim=1) - RADIUS).abs().median() < 0.15
    modes = torch.atan2(points[:, 1], points[:, 0]).mul(MODES / (2 * math.pi)).round().long() % MODES
    assert len(modes.unique()) == MODES


def test_a_short_run_energy_does_not_pass() -> None:
    report, _ = trained(SHORT)
    assert report.verdict in ("non-convergent", "unstable")
    assert report.reasons


BALANCED = Convergence(
    gap_mean=2.0, gap_deviation=30.0, gap_autocorrelation=(0.1,) * 15, drift_ratio=0.18, outside=0.0, restarts=0
)
DATA = LongRun(0, 0.13, 0.32, 0.0)
GOOD = (DATA, LongRun(40, 0.14, 0.35, 0.0), LongRun(400, 0.1, 0.4, 0.01))


@pytest.mark.parametrize(
    ("training", "looks", "verdict", "reason"),
    [
        ({}, GOOD, "convergent", ""),
        ({}, (), "not examined", ""),
        ({"restarts": 3}, GOOD, "convergent", ""),
        ({"gap_mean": -70.0}, GOOD, "non-convergent", "not around 0"),
        ({"gap_autocorrelation": (0.1, -0.5, *(0.0,) * 13)}, GOOD, "non-convergent", "-0.50 2 updates apart"),
        ({"drift_ratio": 0.01}, GOOD, "non-convergent", "drift ratio 0.01"),
        ({"drift_ratio": 0.7}, (), "non-convergent", "drift ratio 0.70"),
        ({"drift_ratio": 1.6}, GOOD, "unstable", "limit of stability"),
        ({}, (DATA, LongRun(40, 0.1, 0.3, 0.0), LongRun.nowhere(400)), "unstable", "within 400 steps"),
        # What 7 minutes of short-run training on real images came to, after 100 and 1,000 steps.
        ({}, (DATA, LongRun(100, 0.98, 0.9, 0.56), LongRun(1000, 8.7, 9.0, 0.98)), "non-convergent", "beyond ±1.1"),
        ({}, (DATA, LongRun(40, 0.13, 0.1, 0.0)), "non-convergent", "deviate by 0.10"),
    ],
)
def test_verdicts(training: dict[str, float], looks: tuple[LongRun, ...], verdict: str, reason: str) -> None:
    report = EnergyReport(replace(BALANCED, **training), looks)  # type: ignore[arg-type]
    assert report.verdict == verdict
    assert reason in "; ".join(report.reasons)
    assert bool(report.reasons) == (verdict in ("non-convergent", "unstable"))


def test_long_runs_on_a_well_of_known_width() -> None:
    # With s = 0.5 the variance is ε² / (s (2 − s)), forgotten within a few steps wherever chains start.
    images = LabeledImages(torch.full((40, 1, 20, 20), 255, dtype=torch.uint8), torch.zeros(40).long(), tuple("x" * 40))
    seen: list[float] = []
    looks, shown = long_runs(
        lambda x: x.flatten(1).square().sum(1) / 4,
        images,
        images=20,
        steps=3,
        step=0.2,
        temperature=0.02,
        seed=0,
        device=CPU,
        report=seen.append,
    )
    assert [look.steps for look in looks] == [0, 3, 30, 300]
    assert (looks[0].mean, looks[0].deviation, looks[0].outside) == (1.0, 0.0, 0.0)
    assert looks[1].mean == pytest.approx(0.125, abs=0.02)
    assert looks[3].mean == pytest.approx(0.0, abs=0.02)
    assert looks[3].deviation == pytest.approx(0.2 / math.sqrt(0.75), rel=0.05)
    assert shown.shape == (4, 8, 1, 20, 20)
    assert (shown[0] == 255).all()
    assert seen[-1] == 1
    assert LongRun.from_tensor(LongRun.to_tensor(looks)) == looks


def test_a_chain_that_diverges_is_a_finding_and_no_error() -> None:
    images = LabeledImages(torch.full((4, 1, 6, 6), 9, dtype=torch.uint8), torch.zeros(4).long(), tuple("abcd"))
    looks, shown = long_runs(
        lambda x: x.flatten(1).square().sum(1) * 1.05,
        images,
        images=4,
        steps=5,
        step=0.2,
        temperature=0.02,
        seed=0,
        device=CPU,
        report=lambda _part: None,
    )
    assert [look.diverged for look in looks] == [False, False, True, True]
    assert len(shown) == 4
    restored = LongRun.from_tensor(LongRun.to_tensor(looks))
    assert restored[3].diverged
    assert restored[:2] == looks[:2]


def test_the_well_that_is_added_pulls_every_pixel_alike() -> None:
    def gradient(pull: float) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            energy = EnergyNetwork(
                architecture="lite", shape=(1, 8, 8), features=4, activation="soft-leaky-relu", pull=pull
            ).double()
        at = x.clone().requires_grad_(True)
        return torch.autograd.grad(energy(at).sum(), at)[0]

    x = Noise.of(0, range(8)).normal((1, 8, 8), dtype=torch.float64)
    torch.testing.assert_close(gradient(0.3) - gradient(0.0), 0.3 * x)
