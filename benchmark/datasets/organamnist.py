"""OrganAMNIST."""

from __future__ import annotations

from benchmark.datasets.medmnist import MedMNIST


class OrganAMNIST(MedMNIST):
    """Axial slices of abdominal CT, eleven organs (MedMNIST v2, from LiTS)."""

    name = flag = "organamnist"
