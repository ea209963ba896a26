"""Fast adversarial training: a step, and the stop at catastrophic overfitting."""
