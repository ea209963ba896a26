"""Train the classifier that every row of the run shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmark.models.base import Classifier
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.steps.base import Result, Step
from benchmark.core.threads import training_threads
from benchmark.steps.context import Workbench


@dataclass(frozen=True)
class TrainStep(Step):
    """Weights and operating threshold of the classifier, chosen on validation data.

    Args:
        classifier: The architecture and its recipe.
        data: Fingerprint of the images.
        seed: Seed of initialisation and batch order.
    """

    kind = "train"

    classifier: Classifier
    data: str
    seed: int

    @property
    def label(self) -> str:
        return f"train {self.classifier.name}"

    def settings(self) -> dict[str, Any]:
        return {"classifier": self.classifier.identity(), "data": self.data, "seed": self.seed}

    def run(self, bench: Workbench) -> Result:
        from benchmark.models.training.classifier import train_classifier

        with training_threads(bench.data.train.shape, bench.device):
            model = train_classifier(
                self.classifier,
                bench.data.train,
                bench.data.validation,
                classes=len(bench.data.classes),
                seed=self.seed,
                device=bench.device,
                report=bench.progress.fraction,
            )
        return Result({"operating_threshold": model.operating_threshold}, tensors=dict(model.state_dict()))

    def model(self, bench: Workbench) -> DeployedClassifier:
        """A copy of the trained classifier, on the bench's device, in eval mode: no two callers share its weights."""
        from benchmark.models.training.classifier import assemble

        model = assemble(self.classifier, shape=bench.data.train.shape, classes=len(bench.data.classes))
        model.load_state_dict(bench.store.tensors(self.key))
        return model.to(bench.device).eval()
