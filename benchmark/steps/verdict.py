"""The decisions that count: what a fresh process says of images that an attack, or nobody, has touched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from attacks.testimony.transcript import Transcript
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.steps.context import StepContext
from benchmark.steps.fit import FitStep
from benchmark.steps.replay import VERSIONS, Replay
from benchmark.verdicts.defendant import Defendant
from benchmark.verdicts.docket import Docket, Questions
from benchmark.verdicts.fresh import answers

ALONE = 8
"""Submitted images that a further process is shown one at a time."""


@dataclass(frozen=True)
class Submission:
    """What an attack handed in.

    Attributes:
        x: The images: [N, C, H, W].
        stored: The same after rounding to the data's bit depth within the ball.
        noise: Random numbers of the verdict, one row per image.
        transcripts: What the attack asked on the way, batch by batch.
    """

    x: Tensor
    stored: Tensor
    noise: Noise
    transcripts: Sequence[Transcript]


@dataclass(frozen=True)
class Verdict:
    """What fresh processes said.

    Attributes:
        submitted, stored: Logits of the images as submitted and as stored: [N, K].
        replayed: What became of the attack's questions when they were asked again; see `Replay.summary`.
    """

    submitted: Tensor
    stored: Tensor
    replayed: dict[str, Any]


def fresh_decisions(
    fit: FitStep,
    images: LabeledImages,
    pixels: Tensor | None,
    draws: int,
    seed: int,
    stream: str,
    context: StepContext,
    advance: Callable[[int], None] | None = None,
) -> Tensor:
    """Several independent decisions, each by a process of its own: logits [draws, N, K] on the CPU.

    Args:
        fit: The defended model.
        images: Which images, for their numbers.
        pixels: What to show in place of the images' own pixels.
        draws: How many decisions each.
        seed, stream: Key of the random numbers.
        context: Device and batch size.
        advance: Told how many decisions were made, for the display.
    """
    x = images.floats() if pixels is None else pixels
    defendant = _defendant(fit, context)
    found = []
    for draw in range(draws):
        noise = verdict_noise(fit, images, x, seed, f"{stream} {draw}", context)
        found += answers(defendant, Docket([Questions(x, noise)]), context.surroundings, batch=context.batch_size.size)
        if advance is not None:
            advance(len(x))
    return torch.stack(found)


def verdict_noise(
    fit: FitStep, images: LabeledImages, shown: Tensor, seed: int, purpose: str, context: StepContext
) -> Noise:
    """Random numbers that nobody could know before it was settled what is shown: one row per image.

    Args:
        fit: The defended model; its content covers the settings of the defense.
        images: For their numbers.
        shown: What is shown in their place: [N, C, H, W].
        seed: Of the run.
        purpose: What they are drawn for.
        context: Where the model's weights are.
    """
    digest = hashlib.blake2b(shown.contiguous().numpy().tobytes(), digest_size=8).hexdigest()
    return Noise.of(seed, images.index).stream(f"{purpose} {fit.content(context)} {digest}")


def judge(fit: FitStep, submission: Submission, context: StepContext) -> Verdict:
    """Have fresh processes decide on what was submitted, and answer the attack's questions again.

    Each process sees an image once, in one of its versions, so that it cannot know which answer counts; another one
    is shown a few of the submitted images one at a time.
    """
    defendant = _defendant(fit, context)
    replay = Replay(submission.transcripts)
    shown = (submission.x, submission.stored)
    versions = len(shown) + VERSIONS
    turn = torch.tensor([_turn(image, versions) for image in submission.x])
    decided: list[list[tuple[Tensor, Tensor]]] = [[], []]
    for process in range(versions):
        version = (turn + process) % versions
        docket = Docket()
        readers: list[Callable[[Tensor], None]] = []
        for number, images in enumerate(shown):
            rows = (version == number).nonzero().flatten()
            if len(rows):
                docket.entries.append(Questions(images[rows], submission.noise[rows]))
                readers.append(partial(_keep, decided[number], rows))
        for number in range(VERSIONS):
            about = (version == len(shown) + number).nonzero().flatten().tolist()
            for questions, group in replay.asked(number, about):
                docket.entries.append(questions)
                readers.append(partial(replay.answered, number, group))
        if docket.entries:
            found = answers(defendant, docket, context.surroundings, batch=context.batch_size.size)
            for reader, logits in zip(readers, found, strict=True):
                reader(logits)
    submitted, kept = (_in_order(parts) for parts in decided)
    few = torch.arange(min(ALONE, len(submitted)))
    single = Docket([Questions(submission.x[few], submission.noise[few])])
    (alone,) = answers(defendant, single, context.surroundings, batch=1)
    replay.compare(submitted[few], alone)
    return Verdict(submitted, kept, replay.summary())


def _defendant(fit: FitStep, context: StepContext) -> Defendant:
    """The defended classifier as another process can build it."""
    return Defendant(
        fit.train.classifier,
        fit.train.spec["settings"]["classifier"]["settings"],
        context.store.tensors(fit.train.key),
        fit.defense,
        fit.spec["settings"]["defense"]["settings"],
        context.store.tensors(fit.key),
        context.data.train.shape,
        len(context.data.classes),
    )


def _turn(image: Tensor, versions: int) -> int:
    """Which version of an image the first process sees; nothing that a model could foresee."""
    digest = hashlib.blake2b(image.contiguous().numpy().tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % versions


def _keep(decided: list[tuple[Tensor, Tensor]], rows: Tensor, logits: Tensor) -> None:
    decided.append((rows, logits))


def _in_order(parts: list[tuple[Tensor, Tensor]]) -> Tensor:
    rows, logits = (torch.cat(column) for column in zip(*parts, strict=True))
    return logits[rows.argsort()]
