"""Labelled images in memory, and the three splits a study needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class LabeledImages:
    """Images with labels, and who they belong to.

    Attributes:
        pixels: uint8 [N, C, H, W]; kept as bytes, turned into floats in [0, 1] a batch at a time.
        labels: int64 [N].
        ids: N names that stay the same from run to run (file names, or split and index).
        groups: N patient ids, or None where the data set has none.
        index: int64 [N], each sample's number in its full split: what keyed noise is drawn by, so that a
            subset sees the numbers the whole would.
    """

    pixels: Tensor
    labels: Tensor
    ids: tuple[str, ...]
    groups: tuple[str, ...] | None = None
    index: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))

    def __post_init__(self) -> None:
        if self.index.numel() != len(self.ids):
            object.__setattr__(self, "index", torch.arange(len(self.ids)))

    def __len__(self) -> int:
        return self.labels.shape[0]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        channels, height, width = self.pixels.shape[1:]
        return channels, height, width

    def __getitem__(self, rows: Tensor) -> LabeledImages:
        """Some of the samples: a boolean mask or indices."""
        if rows.dtype == torch.bool:
            rows = rows.nonzero().flatten()
        chosen = rows.tolist()
        return replace(
            self,
            pixels=self.pixels[rows],
            labels=self.labels[rows],
            ids=tuple(self.ids[i] for i in chosen),
            groups=None if self.groups is None else tuple(self.groups[i] for i in chosen),
            index=self.index[rows],
        )

    def copy(self) -> LabeledImages:
        """The same images in memory of their own, for code that may write into what it is handed."""
        return replace(self, pixels=self.pixels.clone(), labels=self.labels.clone(), index=self.index.clone())

    def floats(self, rows: Tensor | slice = slice(None), *, device: torch.device | str = "cpu") -> Tensor:
        """float32 images in [0, 1] on `device`."""
        return self.pixels[rows].to(device).to(torch.float32).div_(255)

    def batches(self, size: int, *, device: torch.device | str = "cpu") -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """(images in [0, 1], labels, index) in order, `size` at a time."""
        for start in range(0, len(self), size):
            rows = slice(start, start + size)
            yield self.floats(rows, device=device), self.labels[rows].to(device), self.index[rows].to(device)

    def digest(self) -> str:
        """SHA-256 of decoded pixels, their shape, the labels, and whose they are: records name images and patients."""
        digest = hashlib.sha256(str(tuple(self.pixels.shape)).encode())
        digest.update(self.pixels.contiguous().numpy().tobytes())
        digest.update(self.labels.to(torch.int64).contiguous().numpy().tobytes())
        digest.update(json.dumps([self.ids, self.groups]).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class ImageData:
    """A data set as the harness uses it: three splits that share no patient.

    Attributes:
        name: The dataset plug-in's name, e.g. "pneumoniamnist".
        title: For the leaderboard, e.g. "PneumoniaMNIST 28×28".
        classes: Class names in label order. For two classes, label 1 is the disease.
        train, validation, evaluation: Nothing is ever chosen on `evaluation`.
        notes: What a reader must know: unofficial file, duplicates across splits, how the split was made.
        phantom: True for drawn images, which say nothing about patients.
        leaks: Those of the notes that say why images of `evaluation` are not apart from the others.
        subgroups: What is known of each image of `evaluation` besides, such as {"sex": ("f", "m", …)}: N texts by the
            name of what they tell.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    train: LabeledImages
    validation: LabeledImages
    evaluation: LabeledImages
    notes: tuple[str, ...] = ()
    phantom: bool = False
    leaks: tuple[str, ...] = ()
    subgroups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """Hash of the decoded pixels, labels, names and patients of all three splits."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.evaluation):
            digest.update(split.digest().encode())
        return digest.hexdigest()[:32]
