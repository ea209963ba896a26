"""The real images, where MEDROBUST_DATA points at them."""

from __future__ import annotations

import pytest
import torch

from benchmark.core.images import ImageData
from benchmark.datasets.brain_tumor_mri import BrainTumorMRI
from benchmark.datasets.kaggle_chest_xray import KaggleChestXray
from benchmark.datasets.medmnist import PneumoniaMNIST
from benchmark.datasets.reading.duplicates import leaked_images

pytestmark = pytest.mark.data


def counts(data: ImageData) -> list[list[int]]:
    return [torch.bincount(s.labels).tolist() for s in (data.train, data.validation, data.evaluation)]


def need(path):
    if not path.exists():
        pytest.skip(f"{path} is not there")


def test_pneumoniamnist_has_the_published_counts_and_its_known_copies(real_root):
    need(real_root / "pneumoniamnist.npz")
    data = PneumoniaMNIST().load(root=real_root, download=False)
    assert counts(data) == [[1214, 3494], [135, 389], [234, 390]]
    assert "8 images stand in both train and validation" in data.notes
    assert leaked_images(data.evaluation, data.train, data.validation) == 0
    official = PneumoniaMNIST().official(root=real_root)
    assert any(note.startswith("unofficial") for note in data.notes) is not official
    assert data.fingerprint() == PneumoniaMNIST().load(root=real_root, download=False).fingerprint()


def test_chest_xray_keeps_patients_apart_and_the_test_folder_whole(real_root):
    need(real_root / "chest_xray")
    data = KaggleChestXray(size=28).load(root=real_root)
    assert counts(data)[2] == [234, 390]
    groups = [set(s.groups) for s in (data.train, data.validation, data.evaluation)]
    assert sum(map(len, groups)) == len(set.union(*groups))
    assert counts(data)[0][0] + counts(data)[1][0] == 1341 - 94
    assert counts(data)[0][1] + counts(data)[1][1] == 3875 - 457
    share = len(data.validation) / (len(data.train) + len(data.validation))
    assert 0.1 <= share < 0.11


def test_brain_tumor_mri_mixes_color_and_gray_files_into_one_channel(real_root):
    need(real_root / "brain_tumor_mri")
    data = BrainTumorMRI().load(root=real_root)
    assert data.train.shape == (1, 64, 64)
    assert (torch.tensor(counts(data)[0]) + torch.tensor(counts(data)[1])).tolist() == [250] * 4
    assert counts(data)[2] == [100] * 4
    # More than one in a hundred: its rows are flagged.
    assert leaked_images(data.evaluation, data.train, data.validation) == 13
