"""A data set that breaks its word is refused in one line that names it, before anything is computed from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.images import ImageData
from benchmark.datasets.base import Dataset
from benchmark.datasets.chest_phantom import ChestPhantom
from benchmark.datasets.loading.contract import load_checked


class Theirs(Dataset):
    """Somebody else's data set, which returns what it is told to."""

    def __init__(self, *, give: Any = None) -> None:
        self.give = give

    def load(self, *, root: Path | None, download: bool = True) -> ImageData:
        given: ImageData = self.give()
        return given


# Not in the class, which would register it for every other test.
Theirs.name = "theirs"


class Peculiar(Tensor):
    pass


def _data() -> ImageData:
    return ChestPhantom(size=28, count=120).load(root=None)


def _with(**changes: Any) -> ImageData:
    data = _data()
    return replace(data, evaluation=replace(data.evaluation, **changes))


def _raise(error: BaseException) -> Any:
    raise error


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "raises": (lambda: 1 / 0, "ZeroDivisionError"),
    "exits": (lambda: _raise(SystemExit(0)), "SystemExit"),
    "closes": (lambda: _raise(GeneratorExit()), "GeneratorExit"),
    "group": (lambda: _raise(BaseExceptionGroup("many", [SystemExit()])), "many"),
    "none": (lambda: None, "returned NoneType"),
    "tuple": (lambda: (1, 2, 3), "returned tuple"),
    "float pixels": (lambda: _with(pixels=_data().evaluation.floats()), "pixels of torch.float32"),
    "numpy pixels": (lambda: _with(pixels=_data().evaluation.pixels.numpy()), "pixels of ndarray"),
    "a subclass": (lambda: _with(pixels=_data().evaluation.pixels.as_subclass(Peculiar)), "pixels of Peculiar"),
    "meta pixels": (lambda: _with(pixels=_data().evaluation.pixels.to("meta")), "on meta"),
    "no pixels": (lambda: _with(pixels=None), "pixels of NoneType"),
    "flat pixels": (lambda: _with(pixels=_data().evaluation.pixels.flatten(1)), "not [N, C, H, W]"),
    "other size": (lambda: _with(pixels=_data().evaluation.pixels[..., :8]), "train images"),
    "float labels": (lambda: _with(labels=_data().evaluation.labels.float()), "labels of torch.float32"),
    "labels out of range": (lambda: _with(labels=_data().evaluation.labels + 1), "label outside 0 … 1"),
    "one class": (lambda: _with(labels=_data().evaluation.labels * 0), "lacks images of a class"),
    "ids all alike": (lambda: _with(ids=("x",) * len(_data().evaluation)), "ids"),
    "too few ids": (lambda: _with(ids=("x",)), "1 ids"),
    "ids of numbers": (lambda: _with(ids=tuple(range(len(_data().evaluation)))), "ids"),
    "ids that are not UTF-8": (
        lambda: _with(ids=tuple(f"\udcff{row}" for row in range(len(_data().evaluation)))),
        "ids that are not texts in UTF-8",
    ),
    "a class that is not UTF-8": (lambda: replace(_data(), classes=("ill", "\udcff")), "texts in UTF-8"),
    "groups of one": (lambda: _with(groups=("x",)), "groups"),
    "same index": (lambda: _with(index=torch.zeros(len(_data().evaluation), dtype=torch.int64)), "index"),
    "one class name": (lambda: replace(_data(), classes=("ill",)), "two classes"),
    "same names": (lambda: replace(_data(), classes=("ill", "ill")), "same name"),
    "title of bytes": (lambda: replace(_data(), title=b"x"), "texts"),
    "no split": (lambda: replace(_data(), validation=None), "validation split is NoneType"),
    "one split thrice": (lambda: replace(d := _data(), evaluation=d.train), "the same images in memory"),
    "splits that overlap": (
        lambda: replace(d := _data(), evaluation=d.train[torch.arange(len(d.train))], validation=d.train),
        "the same images in memory",
    ),
}


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("kind", WRONG)
def test_what_a_data_set_returns_is_checked(kind: str) -> None:
    give, words = WRONG[kind]
    with pytest.raises(UserError) as caught:
        load_checked(Theirs(give=give), root=None, download=False)
    assert caught.value.where == "dataset 'theirs'"
    assert words in caught.value.problem
    assert caught.value.remedy
    assert "\n" not in caught.value.problem


@pytest.mark.usefixtures("registry")
def test_nobody_else_can_write_into_the_images() -> None:
    held = _data()
    data = load_checked(Theirs(give=lambda: held), root=None, download=False)
    before = data.fingerprint()
    for split in (held.train, held.validation, held.evaluation):
        split.pixels.zero_()
        split.labels.zero_()
    assert data.fingerprint() == before


@pytest.mark.usefixtures("registry")
def test_a_data_set_leaves_settings_as_they_were() -> None:
    def give() -> ImageData:
        torch.set_default_dtype(torch.float64)
        np.seterr(all="raise")
        return _data()

    errors = np.geterr()
    load_checked(Theirs(give=give), root=None, download=False)
    assert torch.get_default_dtype() == torch.float32
    assert np.geterr() == errors
