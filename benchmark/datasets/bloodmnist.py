"""BloodMNIST."""

from __future__ import annotations

from benchmark.datasets.medmnist import MedMNIST


class BloodMNIST(MedMNIST):
    """Blood cells under the microscope, eight types (MedMNIST v2, from Acevedo et al. 2020)."""

    name = flag = "bloodmnist"
