"""PneumoniaMNIST."""

from __future__ import annotations

from benchmark.datasets.medmnist import MedMNIST


class PneumoniaMNIST(MedMNIST):
    """Chest radiographs of children, normal or pneumonia (MedMNIST v2, from Kermany et al. 2018)."""

    name = flag = "pneumoniamnist"
    positive_class = "pneumonia"
