"""What a fresh process is asked: images with their random numbers, in an order that says nothing about them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from benchmark.core.noise import Noise


@dataclass(frozen=True)
class Questions:
    """Images that are asked about in the same way.

    Attributes:
        x: [N, C, H, W] in [0, 1].
        noise: One row per image.
        draws: Single draws whose logits are averaged, as an attack's gradient sees them; None for the deployed
            decision with all its votes.
    """

    x: Tensor
    noise: Noise
    draws: int | None = None

    def __len__(self) -> int:
        return self.x.shape[0]

    def __getitem__(self, rows: Tensor) -> Questions:
        return Questions(self.x[rows], self.noise[rows], self.draws)


@dataclass
class Docket:
    """Everything that one fresh process is asked. No image should be in it twice, not even perturbed.

    Questions of all kinds are shuffled by a key, so that a model cannot tell by its place which answer will count.
    """

    entries: list[Questions] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(len(questions) for questions in self.entries)

    def shuffled(self) -> list[tuple[int, Tensor]]:
        """(entry, the order of its rows) in the order of asking; a function of the images alone."""
        ranked = []
        for number, questions in enumerate(self.entries):
            digests = [
                hashlib.blake2b(row.contiguous().numpy().tobytes(), digest_size=8).digest() for row in questions.x.cpu()
            ]
            order = torch.tensor(sorted(range(len(digests)), key=digests.__getitem__), dtype=torch.int64)
            ranked.append((min(digests, default=b""), number, order))
        return [(number, order) for _, number, order in sorted(ranked, key=lambda entry: entry[:2])]

    def packed(self) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
        """The docket as JSON and tensors, in the order of asking."""
        groups: list[dict[str, Any]] = []
        pixels, lanes = [], []
        for number, order in self.shuffled():
            questions = self.entries[number][order]
            noise = questions.noise
            groups.append(
                {"key": list(noise.key), "step": noise.step, "draws": questions.draws, "rows": len(questions)}
            )
            pixels.append(questions.x.detach().cpu())
            lanes.append(noise.lanes.cpu())
        return groups, {"pixels": torch.cat(pixels).contiguous(), "lanes": torch.cat(lanes).contiguous()}

    def unpacked(self, logits: Tensor) -> list[Tensor]:
        """Answers [ΣN, K] in the order of asking → one tensor [N, K] for each entry, in the entry's own order."""
        answers: list[Tensor] = [torch.empty(0)] * len(self.entries)
        start = 0
        for number, order in self.shuffled():
            part = logits[start : start + len(order)]
            answers[number] = torch.empty_like(part).index_copy_(0, order, part)
            start += len(order)
        return answers


def questions_of(groups: list[dict[str, Any]], tensors: dict[str, Tensor], device: torch.device) -> list[Questions]:
    """The other way round: what `Docket.packed` gave, as questions on `device`."""
    found, start = [], 0
    for group in groups:
        rows = slice(start, start + group["rows"])
        noise = Noise((group["key"][0], group["key"][1]), tensors["lanes"][rows].to(device), group["step"])
        found.append(Questions(tensors["pixels"][rows].to(device), noise, group["draws"]))
        start = rows.stop
    return found
