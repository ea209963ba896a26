"""Train the classifier that every row of the run shares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from benchmark.core.threads import training_threads
from benchmark.models.base import Classifier
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.steps.base import Result, Step
from benchmark.steps.context import StepContext, fingerprint


@dataclass(frozen=True)
class TrainStep(Step):
    """Weights and operating threshold of the classifier, chosen on validation data where it has none of its own.

    Args:
        classifier: The architecture and its recipe.
        data: Fingerprint of the images.
        seed: Seed of initialisation and batch order.
        content: Hash of the weights that a network which is not trained came with; empty where nothing is known.
    """

    kind = "train"

    classifier: Classifier
    data: str
    seed: int
    content: str = ""

    @property
    def label(self) -> str:
        return f"train {self.classifier.name}" if self.classifier.trains else f"load {self.classifier.name}"

    def settings(self) -> dict[str, Any]:
        content = {"content": self.content} if self.content else {}
        return {"classifier": self.classifier.identity(), "data": self.data, "seed": self.seed, **content}

    def run(self, context: StepContext) -> Result:
        from benchmark.models.training.classifier import make_classifier
        from benchmark.models.training.quality import quality_of

        with training_threads(context.data.train.shape, context.device):
            model, course = make_classifier(
                self.classifier,
                context.data.train,
                context.data.validation,
                classes=len(context.data.classes),
                seed=self.seed,
                device=context.device,
                report=context.progress.fraction,
            )
            seen = context.data.validation
            quality = quality_of(model, seen, device=context.device) if len(seen) else None
        results = {
            "operating_threshold": model.operating_threshold,
            "parameters": sum(p.numel() for p in model.network.parameters()),
            "weights": fingerprint(model.network),
            "epochs": None if course is None else course.epochs,
            "kept_epoch": None if course is None else course.kept,
            "validation": None
            if quality is None
            else {"images": quality.images, "accuracy": quality.accuracy, "auroc": quality.auroc},
            "doubt": "" if quality is None else quality.doubt,
        }
        return Result(results, tensors=dict(model.state_dict()))

    def model(self, context: StepContext) -> DeployedClassifier:
        """A copy of the trained classifier, on the context's device, in eval mode: no two callers share its weights."""
        from benchmark.models.training.classifier import assemble

        model = assemble(self.classifier, shape=context.data.train.shape, classes=len(context.data.classes))
        model.load_state_dict(context.store.tensors(self.key))
        return model.to(context.device).eval()

    def proxy(self, seed: int) -> TrainStep:
        """The same classifier as an attacker trains it, from another seed."""
        return replace(self, seed=seed)
