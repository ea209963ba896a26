"""OCTMNIST."""

from __future__ import annotations

from benchmark.datasets.medmnist import MedMNIST


class OCTMNIST(MedMNIST):
    """Retinal optical coherence tomography, three diseases and normal (MedMNIST v2, from Kermany et al. 2018)."""

    name = flag = "octmnist"
