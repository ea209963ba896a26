"""Purification by a diffusion model that somebody else trained."""

from __future__ import annotations

import os
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

import torch
from annotated_types import Interval
from torch import Tensor, nn

from benchmark.core.allowed import Free
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.settings import AtOnce, Share
from defenses.base import DefendedModel, Defense, FitData, Passes
from defenses.chains.chain import run
from defenses.chains.checkpointed import differentiable_chain
from defenses.denoising.network import NoiseNetwork
from defenses.diffusion.ends import noised, pixels
from defenses.diffusion.schedule import reverse_times
from defenses.diffusion.steps import ReverseDiffusion
from defenses.pretrained.configs import MOST_TIMES, NetworkConfig, ScheduleConfig, parse
from defenses.pretrained.folder import NETWORK, SCHEDULE, WEIGHTS, PipelineFolder, digest_of
from defenses.pretrained.images import refuse_other_images, try_out
from defenses.pretrained.network import FoundNoise, build
from defenses.pretrained.schedule import kept_at

_WEIGHTS = "network."
_DIGEST = "sha256"
_CONTENT = "sha256:"
"""What `pipeline` begins with in a key, and where verdicts are given: it names what the folder holds, not its place."""
_CPU_ROWS = 64


class PretrainedDiffusion(Defense):
    """Diffusion purification with an unconditional diffusion model that somebody else trained, as diffusers saved it.

    The steps of `diffusion-purification`: noise is added up to a time t*, and the model's reverse steps take it off
    again. The model is a `UNet2DModel` on images in [−1, 1], of their channels, that finds the noise, the image or v,
    with the ᾱ of the folder's DDPMScheduler or DDIMScheduler; of that scheduler nothing else is used: estimates are
    not clipped, and steps have the variance that η says. Only JSON and safetensors are read, and nothing is looked up
    on the network. `purify` gives no autograd graph; the exact gradient runs back through the steps' states.

    Args:
        pipeline: The folder that `DDPMPipeline.save_pretrained` wrote, beside the suite's file.
        time: t*, a time of the model's schedule, mostly of 1000. At 50 of its usual schedule the noise is as σ = 0.09
            on pixels in [0, 1]; at 100, which Nie et al. take for CIFAR-10, as 0.17.
        steps: Reverse steps, at most one per time.
        eta: η: 1 are the steps of DDPM, which draw noise of their own; 0 those of DDIM, which do not.
        votes: Draws that one decision averages over.
        folder: Where the suite's file lies.
    """

    name = "pretrained-diffusion"
    source = (
        "Nie et al. 2022, Diffusion models for adversarial purification, section 3, its DDPM variant; steps of Song et "
        "al. 2021, Denoising diffusion implicit models, eq. 12"
    )
    randomized = True
    differentiable = False
    purifier = True
    exact_gradient = True
    handed: ClassVar[frozenset[str]] = frozenset({"folder"})
    not_fitted = frozenset({"time", "steps", "eta", "votes"})

    def __init__(
        self,
        *,
        pipeline: Annotated[str, Free("a folder that diffusers saved")],
        time: Annotated[int, Interval(ge=1, le=MOST_TIMES)] = 50,
        steps: Annotated[int, Interval(ge=1, le=MOST_TIMES)] = 10,
        eta: Share = 1.0,
        votes: AtOnce = 8,
        folder: str = "",
    ) -> None:
        self.pipeline = pipeline
        self.time = time
        self.steps = steps
        self.eta = eta
        self.votes = votes
        self.folder = folder

    @property
    def purify_passes(self) -> Passes:
        return Passes(forwards=self.steps)

    def identity(self) -> dict[str, Any]:
        """With what is in the folder's files in place of where it lies."""
        identity = super().identity()
        del identity["settings"]["folder"]
        # The process that gives the verdicts builds the defense from these settings, and its weights.
        identity["settings"]["pipeline"] = f"{_CONTENT}{self._saved.digest()}"
        return identity

    def check_settings(self) -> None:
        """Raise UserError where the folder cannot be worked with, or its schedule does not go up to `time`."""
        if self.steps > self.time:
            raise self._error(f"{self.steps} steps do not fit into {self.time} times", "give at most one step per time")
        _, schedule = self._configs(self._saved.text(NETWORK), self._saved.text(SCHEDULE))
        self._saved.opened(WEIGHTS).close()
        self._kept(schedule)

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        """Take over what the folder holds; neither the classifier nor the images' values are used.

        Raises:
            UserError: The folder cannot be worked with, or is of a model for other images.
        """
        del classifier
        contents = self._saved.contents()
        config, schedule = self._configs(contents[NETWORK], contents[SCHEDULE])
        refuse_other_images(config, data.train.shape, where=self._where)
        weights = self._saved.weights(contents[WEIGHTS])
        network = build(config, weights, where=self._where)
        found = FoundNoise(network, kept_at(schedule, where=self._where), schedule.prediction_type)
        try_out(found, data.train.shape, where=self._where)
        self.weights_ = {
            **{f"{_WEIGHTS}{name}": tensor for name, tensor in weights.items()},
            NETWORK: torch.tensor(list(contents[NETWORK]), dtype=torch.uint8),
            SCHEDULE: torch.tensor(list(contents[SCHEDULE]), dtype=torch.uint8),
            _DIGEST: torch.tensor(list(bytes.fromhex(digest_of(contents))), dtype=torch.uint8),
        }

    def defend(self, classifier: nn.Module) -> DefendedModel:
        """Put the purification in front of `classifier`, on its device; the folder is not looked at again.

        Raises:
            UserError: `fit` has not been called, or a setting makes no sense.
        """
        if not {NETWORK, SCHEDULE} <= self.weights_.keys():
            raise self._error("the folder has not been read", "call fit first")
        read = f"{_CONTENT}{bytes(self.weights_[_DIGEST].tolist()).hex()}"
        if self.pipeline.startswith(_CONTENT) and self.pipeline != read:
            # The key names another model: a number of this one would stand under it.
            raise self._error("the folder changed between planning and fitting", "run the same command again")
        config, schedule = self._configs(*(bytes(self.weights_[name].tolist()) for name in (NETWORK, SCHEDULE)))
        weights = {k.removeprefix(_WEIGHTS): v for k, v in self.weights_.items() if k.startswith(_WEIGHTS)}
        kept = self._kept(schedule)
        network = FoundNoise(build(config, weights, where=self._where), kept, schedule.prediction_type)
        network.to(next((p.device for p in classifier.parameters()), torch.device("cpu")))
        return DefendedModel(
            classifier,
            purify=partial(self._purify, network),
            exact_purify=partial(self._exact_purify, network),
            networks=[network],
            purify_passes=self.purify_passes,
            votes=self.votes,
            randomized=True,
            cpu_rows=_CPU_ROWS,
        )

    def _purify(self, network: FoundNoise, x: Tensor, noise: Noise) -> Tensor:
        return pixels(run(noised(x.detach(), network.kept[self.time], noise), self._chain(network, noise)))

    def _exact_purify(self, network: FoundNoise, x: Tensor, noise: Noise) -> Tensor:
        return pixels(differentiable_chain(noised(x, network.kept[self.time], noise), self._chain(network, noise)))

    def _chain(self, network: FoundNoise, noise: Noise) -> ReverseDiffusion:
        return ReverseDiffusion(
            steps=self.steps,
            # Of its network a chain only asks for the noise at a level.
            network=cast(NoiseNetwork, network),
            kept=tuple(network.kept[time] for time in reverse_times(self.time, self.steps)),
            eta=self.eta,
            noise=noise.stream("reverse"),
        )

    def _configs(self, network: bytes, schedule: bytes) -> tuple[NetworkConfig, ScheduleConfig]:
        where = self._where
        if not find_spec("diffusers"):
            raise self._error("it takes diffusers, which is not installed", "pip install 'medrobust[diffusion]'")
        return parse(NetworkConfig, network, NETWORK, where), parse(ScheduleConfig, schedule, SCHEDULE, where)

    def _kept(self, schedule: ScheduleConfig) -> tuple[float, ...]:
        kept = kept_at(schedule, where=self._where)
        if self.time >= len(kept):
            raise self._error(
                f"time = {self.time}, and the model's schedule leaves something of an image up to {len(kept) - 1}",
                "give an earlier time",
            )
        return kept

    @property
    def _saved(self) -> PipelineFolder:
        return PipelineFolder(Path(self.folder) / os.path.expanduser(self.pipeline))

    @property
    def _where(self) -> str:
        return f"defense {self.name!r}, {self.pipeline}"

    def _error(self, problem: str, remedy: str) -> UserError:
        return UserError(problem, where=self._where, remedy=remedy)
