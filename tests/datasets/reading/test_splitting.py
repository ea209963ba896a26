"""Splits made here keep patients and copies together and do not depend on file order."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from benchmark.datasets.reading.duplicates import duplicate_notes, leaked_images, pixel_digests
from benchmark.datasets.reading.splitting import split_off


def images_of(patients: list[int], *, pixels: list[int] | None = None, grouped: bool = True) -> LabeledImages:
    """One image a row; the label goes with the patient."""
    count = len(patients)
    shades = torch.tensor(list(range(count)) if pixels is None else pixels)
    return LabeledImages(
        pixels=torch.stack([shades % 256, shades // 256], 1).to(torch.uint8)[:, :, None, None],
        labels=torch.tensor([p % 2 for p in patients]),
        ids=tuple(f"file{row:04d}" for row in range(count)),
        groups=tuple(f"patient{p}" for p in patients) if grouped else None,
    )


@settings(max_examples=60, deadline=None)
@given(
    patients=st.lists(st.integers(0, 30), max_size=120).map(lambda p: [0, 1, 2, 3, *p]),
    share=st.floats(0.05, 0.5),
    data=st.data(),
)
def test_patients_stay_together_and_order_does_not_matter(patients, share, data):
    images = images_of(patients)
    rest, held = split_off(images, share, purpose="validation")
    assert set(rest.groups).isdisjoint(held.groups)
    assert sorted(rest.ids + held.ids) == sorted(images.ids)
    for part in (rest, held):
        assert set(part.labels.tolist()) == {0, 1}
        assert part.index.tolist() == list(range(len(part)))
    order = torch.tensor(data.draw(st.permutations(range(len(patients)))))
    assert set(split_off(images[order], share, purpose="validation")[1].ids) == set(held.ids)


def test_share_is_held_within_each_stratum():
    images = images_of(list(range(1000)))
    _, held = split_off(images, 0.1, purpose="validation")
    assert torch.bincount(held.labels).tolist() == [50, 50]
    strata = [row // 250 for row in range(1000)]
    _, held = split_off(images, 0.1, purpose="validation", strata=strata)
    counts = torch.bincount(torch.tensor([int(name[4:]) // 250 for name in held.ids]))
    assert counts.tolist() == [25, 25, 25, 25]


def test_different_purposes_choose_differently():
    images = images_of(list(range(400)))
    chosen = [set(split_off(images, 0.5, purpose=p)[1].ids) for p in ("validation", "evaluation")]
    assert 60 < len(chosen[0] & chosen[1]) < 140  # 100 expected of independent halves


def test_copies_stay_together_where_no_patient_is_known():
    # 200 images, each pixel pattern four times over, far apart; labels go with the pattern.
    shades = [row % 50 for row in range(200)]
    images = images_of(shades, pixels=shades, grouped=False)
    rest, held = split_off(images, 0.3, purpose="validation")
    assert set(pixel_digests(rest)).isdisjoint(pixel_digests(held))
    assert len(held) == 64  # 32 of each label: whole fours until 30 are reached


def test_class_of_one_patient_cannot_be_split():
    with pytest.raises(UserError, match="label 1 has images of one patient only"):
        split_off(images_of([0, 2, 4, 1, 1, 1]), 0.2, purpose="validation")
    with pytest.raises(UserError, match="label 1 has one image, or copies of one, only"):
        split_off(images_of([0, 2, 4, 1], grouped=False), 0.2, purpose="validation")


def test_duplicates_are_counted_within_and_across_and_contradictions_named():
    train = images_of([0, 0, 0, 0, 1], pixels=[7, 7, 7, 8, 9])
    validation = images_of([0, 1, 1], pixels=[7, 8, 30])
    notes, leaks = duplicate_notes(
        {"train": train, "validation": validation, "evaluation": images_of([1], pixels=[30])}
    )
    assert leaks == ["1 image stands in both validation and evaluation"]
    assert notes == [
        "2 images of train are copies of another in train",
        "2 images stand in both train and validation",
        *leaks,
        "1 image stands in the data with different labels",
    ]


def test_each_evaluation_image_that_stands_elsewhere_is_a_leak():
    evaluation = images_of([0, 0, 0, 1], pixels=[7, 7, 8, 9])
    train, validation = images_of([0, 1], pixels=[7, 30]), images_of([1, 1, 1], pixels=[9, 9, 7])
    assert leaked_images(evaluation, train, validation) == 3
    assert leaked_images(evaluation, train) == 2
    assert leaked_images(evaluation, evaluation[torch.arange(0)]) == 0
