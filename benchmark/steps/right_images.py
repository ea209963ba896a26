"""Evaluation images that a model gets right, which alone are attacked and studied."""

from __future__ import annotations

import numpy as np
import torch

from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from benchmark.steps.clean import CleanStep
from benchmark.steps.context import StepContext
from benchmark.steps.subset import evaluation_rows


def right_images(clean: CleanStep, context: StepContext, count: int, seed: int, *, of: str) -> LabeledImages:
    """`count` of the images that a defended model gets right, or all where there are fewer.

    Args:
        clean: The defended model and its clean decisions.
        context: What the step works with.
        count: How many.
        seed: Of their choice.
        of: Whose images they are, for messages.

    Raises:
        UserError: The model gets no image right.
    """
    frame = context.store.samples(clean.key)
    images = clean.evaluation(context)
    images = images[torch.from_numpy(np.array(frame["clean_right"], dtype=bool))]
    if not len(images):
        raise UserError("the model gets no evaluation image right", where=of)
    return images[evaluation_rows(images, count, seed)]
