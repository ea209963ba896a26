"""Its steps are those of diffusers' own schedulers, whatever a network was trained to find."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.diffusion.steps import ReverseDiffusion
from defenses.pretrained.configs import ScheduleConfig, parse
from defenses.pretrained.network import FoundNoise
from defenses.pretrained.schedule import kept_at
from tests.defenses.pretrained.drawn import REASON

diffusers = pytest.importorskip("diffusers", reason=REASON)

SHAPE = (3, 1, 6, 6)
SCHEDULES = [
    {},
    {"beta_schedule": "scaled_linear", "beta_start": 0.001, "num_train_timesteps": 500},
    {"beta_schedule": "squaredcos_cap_v2"},
    {"trained_betas": [0.01 + 0.001 * k for k in range(100)], "num_train_timesteps": 100},
]
both = pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
every = pytest.mark.parametrize("schedule", SCHEDULES, ids=["linear", "scaled", "cosine", "trained"])


class Found(nn.Module):
    """The same answer whatever it is asked, and the timestep that it was asked about."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[int] = []

    def forward(self, x: Tensor, timestep: int) -> SimpleNamespace:
        self.asked.append(timestep)
        return SimpleNamespace(sample=self.answer)


def config(**settings: object) -> ScheduleConfig:
    return parse(ScheduleConfig, json.dumps(settings).encode(), "scheduler_config.json", "test")


def drawn(stream: str) -> Tensor:
    return Noise.of(0, range(SHAPE[0])).stream(stream).normal(SHAPE[1:])


def step(schedule: dict[str, object], prediction: str, before: int, after: int, eta: float) -> tuple[Tensor, Tensor]:
    """Our step from one timestep of the library to an earlier one, and the noise that it drew."""
    kept = kept_at(config(_class_name="DDPMScheduler", **schedule), where="test")
    network, noise = Found(drawn("answer")), Noise.of(1, range(SHAPE[0]))
    chain = ReverseDiffusion(
        steps=1,
        network=FoundNoise(network, kept, prediction),  # type: ignore[arg-type]
        kept=(kept[before + 1], kept[after + 1]),
        eta=eta,
        noise=noise,
    )
    state = chain.advance(0, drawn("state"), None)
    assert network.asked == [before]
    return state, noise.at(0).normal(SHAPE[1:])


@both
@every
def test_a_step_without_noise_is_that_of_its_ddim_scheduler(schedule: dict[str, object], prediction: str) -> None:
    theirs = diffusers.DDIMScheduler(**schedule, prediction_type=prediction, clip_sample=False)
    theirs.set_timesteps(10)
    times = theirs.timesteps.tolist()
    for before, after in ((times[-2], times[-1]), (times[4], times[5])):
        expected = theirs.step(drawn("answer"), before, drawn("state"), eta=0).prev_sample
        found, _ = step(schedule, prediction, before, after, eta=0)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@both
@every
def test_the_mean_of_a_step_with_noise_is_that_of_its_ddpm_scheduler(
    schedule: dict[str, object], prediction: str
) -> None:
    theirs = diffusers.DDPMScheduler(**schedule, prediction_type=prediction, clip_sample=False)
    # At early times 1 − ᾱ / ᾱ′ has few digits in single precision.
    theirs.alphas_cumprod = theirs.alphas_cumprod.double()
    for before in (1, 60):
        drawn_by_them = torch.Generator().manual_seed(0)
        expected = theirs.step(drawn("answer"), before, drawn("state"), generator=drawn_by_them).prev_sample
        expected -= deviation(theirs.alphas_cumprod, before) * torch.randn(
            SHAPE, generator=torch.Generator().manual_seed(0)
        )
        found, z = step(schedule, prediction, before, before - 1, eta=1)
        torch.testing.assert_close(found - deviation(theirs.alphas_cumprod, before) * z, expected, rtol=1e-5, atol=1e-5)


def deviation(kept: Tensor, timestep: int) -> float:
    """σ of DDPM's posterior (Ho et al. 2020, eq. 7)."""
    before, after = kept[timestep], kept[timestep - 1]
    return math.sqrt((1 - after) / (1 - before) * (1 - before / after))


def test_a_schedule_that_ends_without_signal_ends_earlier() -> None:
    kept = kept_at(config(_class_name="DDIMScheduler", rescale_betas_zero_snr=True), where="test")
    assert len(kept) == 1000
    assert kept[0] == 1
    assert kept[-1] > 0
