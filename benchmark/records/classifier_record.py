"""Which network a run is about."""

from __future__ import annotations

from benchmark.records.part import Part, Text


class OnValidation(Part):
    """What it gets right of clean validation images, at its operating point: shares in [0, 1]; AUROC where defined."""

    images: int
    accuracy: float
    auroc: float | None


class ClassifierRecord(Part):
    """The classifier of a run; what only its weights tell is None until it is made.

    Attributes:
        name: Name of the plug-in.
        factory: The function that makes a user's network.
        weights_file: Name of the file that its weights are of; None where there is none.
        weights_file_sha256: Hash of that file.
        trained: Whether it was trained here.
        threshold_given: Whether its operating threshold was given rather than chosen on validation images.
        epochs: For how long; None where it was not.
        kept_epoch: Which of them, from 1, was the best on validation images and is kept.
        weights: Hash of all its weights.
        parameters: How many it has.
        validation: How good it is without an attack.
        doubt: Why it may not be the network that its owner means; empty where nothing speaks for that.
    """

    name: str
    factory: Text | None
    weights_file: Text | None
    weights_file_sha256: str | None
    trained: bool
    threshold_given: bool
    epochs: int | None = None
    kept_epoch: int | None = None
    weights: str | None = None
    parameters: int | None = None
    validation: OnValidation | None = None
    doubt: Text = ""
