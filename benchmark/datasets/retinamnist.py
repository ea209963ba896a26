"""RetinaMNIST."""

from __future__ import annotations

from benchmark.datasets.medmnist import MedMNIST


class RetinaMNIST(MedMNIST):
    """Retinal fundus photographs, five grades of diabetic retinopathy (MedMNIST v2, from DeepDRiD)."""

    name = flag = "retinamnist"
