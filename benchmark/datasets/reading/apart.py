"""Splits that were published without regard to patients."""

from __future__ import annotations

import torch

from benchmark.core.images import LabeledImages


def without_patients_of_later_splits(splits: dict[str, LabeledImages]) -> tuple[dict[str, LabeledImages], list[str]]:
    """The splits, each without images of patients of one that comes later: of evaluation all stay.

    Args:
        splits: "train", "validation" and "evaluation", with patients.

    Returns:
        (the splits, notes that count what was left out).
    """
    seen: set[str] = set()
    kept, notes = {}, []
    for name in ("evaluation", "validation", "train"):
        groups = splits[name].groups or ()
        kept[name] = splits[name][torch.tensor([group not in seen for group in groups])]
        seen.update(groups)
        left = len(groups) - len(kept[name])
        if left:
            notes.append(f"{left:,} {name} images of patients of another split were left out")
    return kept, notes
