"""Support vector machine with a radial kernel on the penultimate features."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from annotated_types import Interval
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.statistics.kernel_density import squared_distances
from detectors.base import Detector, DetectorData, FeatureSet, Floats
from detectors.fitting.adversarial_regression import adversarial_labels, decision
from detectors.fitting.preconditions import finite, require_adversarial

_SEEDS = 2**32
"""How many the library can tell apart."""


class SupportVectorMachine(Detector):
    """Signed distance to the boundary of a radial-kernel SVM between harmless and adversarial penultimate features.

    Lu et al. 2017 (SafetyNet) classify quantised activations; Yao et al. 2021 (HFC) use the activations themselves,
    as here. Features are standardised on the AdvTrain images alone: on raw features a fixed kernel width degenerates.

    Args:
        penalty: C, the price of a training image on the wrong side.
    """

    name = "svm"
    source = (
        "Lu, Issaranon, Forsyth, SafetyNet: detecting and rejecting adversarial examples robustly, ICCV 2017; "
        "features as in Yao et al., MICCAI 2021"
    )
    supervised = True

    def __init__(self, *, penalty: Annotated[float, Interval(ge=1e-6, le=1e6)] = 1.0) -> None:
        self.penalty = penalty

    def fit(self, data: DetectorData) -> None:
        """Fit on the AdvTrain images: clean and noisy against adversarial.

        Raises:
            UserError: There is nothing to learn from, or the penalty is not positive.
        """
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC

        if not 0 < self.penalty < np.inf:
            raise UserError(
                f"penalty is {self.penalty}", where="detector svm", remedy="give a positive number, e.g. 1.0"
            )
        require_adversarial(data, where="detector svm")
        sets = (data.clean, data.noisy, data.adversarial)
        features = np.concatenate([finite(s.penultimate, where="detector svm") for s in sets])
        scaler = StandardScaler().fit(features)
        scaled = scaler.transform(features)
        # The library's gamma="scale", written out because the fitted machine does not say what it was.
        variance = float(scaled.var())
        self.gamma_ = 1 / (scaled.shape[1] * variance) if variance > 0 else 1.0
        # Without a seed of its own the solver would take one from numpy's global state.
        machine = SVC(C=self.penalty, gamma=self.gamma_, class_weight="balanced", random_state=data.seed % _SEEDS)
        machine.fit(scaled, adversarial_labels(len(data.clean)))
        self.machine_ = Pipeline([("scale", scaler), ("machine", machine)])

    def score(self, features: FeatureSet) -> Floats:
        """Signed distance to the boundary, positive on the adversarial side: [N]."""
        return decision(self.machine_, finite(features.penultimate, where="detector svm"))

    def differentiable_score(self, layers: list[Tensor], penultimate: Tensor, logits: Tensor) -> Tensor:
        """The same signed distance, Σ_i α_i K(x, x_i) + b over the support vectors, in torch."""
        z = penultimate.double()
        scaler, machine = self.machine_[0], self.machine_[-1]
        mean, scale, vectors, weights = (
            torch.as_tensor(np.ascontiguousarray(v), device=z.device)
            for v in (scaler.mean_, scaler.scale_, machine.support_vectors_, machine.dual_coef_[0])
        )
        scaled = (z - mean) / scale
        kernels = (-self.gamma_ * squared_distances(scaled, vectors)).exp()
        return kernels @ weights + float(machine.intercept_[0])
