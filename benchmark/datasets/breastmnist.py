"""BreastMNIST."""

from __future__ import annotations

from benchmark.datasets.medmnist import MedMNIST


class BreastMNIST(MedMNIST):
    """Breast ultrasound, normal or benign against malignant (MedMNIST v2, from Al-Dhabyani et al. 2020)."""

    name = flag = "breastmnist"
    positive_class = "malignant"
