"""Three splits from the split folders that there are."""

from __future__ import annotations

from benchmark.core.images import LabeledImages
from benchmark.datasets.reading.splitting import VALIDATION_SHARE, split_off

EVALUATION_SHARE = 0.2
"""Share of each class that is for evaluation where no splits are given."""

_FITTING_SHARE = 0.2
_UNKNOWN = "whether a network with weights of its own was trained on them is not known"


def three_splits(
    given: dict[str, LabeledImages], *, where: str
) -> tuple[LabeledImages, LabeledImages, LabeledImages, list[str]]:
    """(train, validation, evaluation, what was split off here), whole patients in each.

    Args:
        given: "train", "val" and "test" as far as they are there, test at least, or "" alone for images in no split.
        where: Where they were found, for messages.

    Raises:
        UserError: A class has too few patients to be split.
    """

    def off(images: LabeledImages, share: float, purpose: str) -> tuple[LabeledImages, LabeledImages]:
        return split_off(images, share, purpose=purpose, where=where)

    if "" in given:
        rest, evaluation = off(given[""], EVALUATION_SHARE, "evaluation")
        train, validation = off(rest, VALIDATION_SHARE / (1 - EVALUATION_SHARE), "validation")
        return (
            train,
            validation,
            evaluation,
            [
                f"no splits are given: {EVALUATION_SHARE:.0%} of each class is for evaluation; {_UNKNOWN}",
                f"validation is {VALIDATION_SHARE:.0%} of each class, split off here",
            ],
        )
    if "train" in given and "val" in given:
        return given["train"], given["val"], given["test"], []
    if "train" in given:
        train, validation = off(given["train"], VALIDATION_SHARE, "validation")
        return train, validation, given["test"], [f"validation is {VALIDATION_SHARE:.0%} of each class, split off here"]
    if "val" in given:
        validation, train = off(given["val"], 0.5, "fitting")
        return (
            train,
            validation,
            given["test"],
            ["no train split: what is fitted here is fitted to half of each class of val, and the rest is validation"],
        )
    rest, train = off(given["test"], _FITTING_SHARE, "fitting")
    evaluation, validation = off(rest, VALIDATION_SHARE / (1 - _FITTING_SHARE), "validation")
    left = 1 - _FITTING_SHARE - VALIDATION_SHARE
    note = (
        f"a test split alone: {left:.0%} of each class is for evaluation, {VALIDATION_SHARE:.0%} for validation, and "
        f"{_FITTING_SHARE:.0%} for what is fitted here; {_UNKNOWN}"
    )
    return train, validation, evaluation, [note]
