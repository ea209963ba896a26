"""DermaMNIST."""

from __future__ import annotations

from benchmark.datasets.medmnist import MedMNIST


class DermaMNIST(MedMNIST):
    """Dermatoscopic images of pigmented skin lesions, seven types (MedMNIST v2, from HAM10000)."""

    name = flag = "dermamnist"
