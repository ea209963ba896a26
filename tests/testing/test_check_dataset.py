"""A data set that breaks its contract in one way is told so, and one that keeps it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmark.core.images import ImageData, LabeledImages
from benchmark.datasets.base import DataMissingError, Dataset
from benchmark.datasets.chest_phantom import ChestPhantom
from benchmark.testing import check_dataset


class Drawn(Dataset):
    """Keeps its contract."""

    name = "drawn"
    source = "a test"
    folder = "drawn"

    def load(self, *, root, download=True):
        splits = {}
        for name in ("train", "validation", "evaluation"):
            pixels = torch.arange(6 * 64, dtype=torch.uint8).view(6, 1, 8, 8)
            splits[name] = LabeledImages(pixels, torch.arange(6) % 2, tuple(f"{name}/{i}" for i in range(6)))
        return self.change(ImageData(name=self.name, title="Drawn 8×8", classes=("a", "b"), **splits))

    def change(self, data):
        return data


@pytest.mark.parametrize("dataset", [Drawn, ChestPhantom(count=100)])
def test_a_sound_data_set_passes(dataset):
    check_dataset(dataset)


def changed(change, **attributes):
    return type("Changed", (Drawn,), {"name": "changed", "change": lambda self, data: change(data), **attributes})


def in_train(**values):
    return lambda data: replace(data, train=replace(data.train, **values))


def random_pixels(data):
    pixels = torch.from_numpy(np.random.default_rng().integers(0, 256, (6, 1, 8, 8), dtype=np.uint8))
    return in_train(pixels=pixels)(data)


def global_pixels(data):
    return in_train(pixels=torch.randint(0, 256, (6, 1, 8, 8), dtype=torch.uint8))(data)


def missing(data):
    raise DataMissingError("no such folder", where="data/drawn", remedy="put it there")


def same_patient(data):
    groups = tuple("abcdef")
    return replace(
        data, train=replace(data.train, groups=groups), evaluation=replace(data.evaluation, groups=groups[::-1])
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (random_pixels, "gives other images when it is loaded again"),
        (global_pixels, "global random state of torch"),
        (missing, "refuses to load: data/drawn: no such folder"),
        (same_patient, "a patient (or an id) of evaluation in another split"),
        (in_train(pixels=torch.rand(6, 1, 8, 8)), "not uint8"),
        (in_train(pixels=torch.zeros(6, 1, 9, 9, dtype=torch.uint8)), "has validation pixels"),
        (in_train(labels=torch.tensor([0, 1, 2, 0, 1, 0])), "labels outside 0 … 1"),
        (in_train(labels=torch.zeros(6, dtype=torch.int64)), "a class without an image in train"),
        (in_train(ids=("a",) * 6), "ids that are not unique"),
        (lambda data: replace(data, name="another"), "calls its data 'another'"),
        (lambda data: replace(data, phantom=True), "whether they are a phantom"),
    ],
)
def test_what_is_broken_is_said(complaint, change, said):
    text = complaint(check_dataset, changed(change))
    assert text.startswith("dataset 'changed' ")
    assert said in text
