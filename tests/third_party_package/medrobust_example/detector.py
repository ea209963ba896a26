"""A detector that looks at the logits alone."""

import numpy as np

from detectors import Detector


class LogitGap(Detector):
    """How much smaller the gap between the two largest logits is than on clean images."""

    name = "logit-gap"
    source = "Hendrycks and Gimpel 2017, A baseline for detecting misclassified examples, with logits for softmax"

    def fit(self, data):
        self.usual_gap_ = _gap(data.reference.logits).mean()

    def score(self, features):
        return self.usual_gap_ - _gap(features.logits)


def _gap(logits):
    ordered = np.sort(logits, axis=1)
    return ordered[:, -1] - ordered[:, -2]
