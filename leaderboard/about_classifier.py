"""Which network the tables are about, in words."""

from __future__ import annotations

from benchmark.records.classifier_record import ClassifierRecord
from leaderboard.text import percent

_SHOWN = 16
"""Digits of a hash."""


def about_classifier(record: ClassifierRecord, validation: int) -> str:
    """One sentence: what it is, whose weights it has, how it was trained, and how good it is without an attack.

    Args:
        record: What the run says of it.
        validation: How many validation images there were.
    """
    parts = [f"Classifier: {record.name}"]
    if record.factory:
        parts.append(f"made by {record.factory}")
    if record.parameters is not None:
        parts.append(f"{record.parameters:,} parameter{'s' * (record.parameters != 1)}")
    if record.weights_file:
        parts.append(f"weights of {record.weights_file} (SHA-256 {(record.weights_file_sha256 or '')[:_SHOWN]})")
    elif not record.trained:
        by_program = record.name == "given"
        parts.append("weights as a program handed them over" if by_program else "with the weights that it came with")
    if record.weights:
        parts.append(f"hash of all weights {record.weights[:_SHOWN]}")
    sentence = ", ".join(parts) + f"; {_training(record)}; {_threshold(record, validation)}."
    if record.validation is not None:
        seen = record.validation
        auroc = "" if seen.auroc is None else f", AUROC {seen.auroc:.3f}"
        sentence += f" On {seen.images:,} clean validation images: accuracy {percent(seen.accuracy)} %{auroc}."
    return sentence


def _training(record: ClassifierRecord) -> str:
    if not record.trained:
        return "not trained here"
    if record.epochs is None:
        return "to be trained here"
    which = "" if record.kept_epoch is None else f" (number {record.kept_epoch})"
    return f"trained here for {record.epochs} epochs, of which the best on validation data{which} was kept"


def _threshold(record: ClassifierRecord, validation: int) -> str:
    if not validation and not record.threshold_given:
        return "decision by argmax, since there are no validation images"
    return f"operating threshold {'given' if record.threshold_given else 'chosen on validation data'}"
