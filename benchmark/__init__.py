"""medrobust: a benchmark harness for the adversarial robustness of medical-image models."""

__version__ = "0.1.0"

from benchmark.core import moved

moved.install()
