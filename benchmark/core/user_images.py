"""Images and labels as a program hands them over: checked, and brought into one form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmark.core.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Images = Tensor | NDArray[Any]
    Labels = Tensor | NDArray[Any] | Sequence[int]


def as_images(images: Images, *, where: str) -> Tensor:
    """Images as they are, as a tensor [N, C, H, W]: uint8, or float32 in [0, 1].

    Raises:
        UserError: They have another shape or type, there are none, or a pixel is not finite or outside [0, 1].
    """
    x = _tensor(images, where)
    if x.dim() != 4 or 0 in x.shape:
        raise UserError(
            f"images of shape {list(x.shape)} came where [N, C, H, W] is expected",
            where=where,
            remedy="give images[:, None] where there is no channel axis, image[None] of a single image",
        )
    if x.shape[1] not in (1, 2, 3, 4) and x.shape[3] in (1, 3, 4):
        raise UserError(
            f"images of shape {list(x.shape)} have their channels last",
            where=where,
            remedy="give [N, C, H, W]: images.transpose(0, 3, 1, 2) in numpy, images.permute(0, 3, 1, 2) in torch",
        )
    if x.dtype == torch.uint8:
        return x
    if not x.dtype.is_floating_point:
        raise UserError(f"images of {_kind(x)}", where=where, remedy="give uint8 from 0 to 255, or floats in [0, 1]")
    x = x.float()
    low, high = (float(bound) for bound in x.aminmax())
    # NaN is on neither side of anything.
    if not (low >= 0 and high <= 1):
        raise UserError(f"images outside [0, 1]: from {low:g} to {high:g}", where=where, remedy=_scaling(low, high))
    return x


def as_labels(labels: Labels, *, count: int, classes: int | None, where: str) -> Tensor:
    """Labels as int64 [N].

    Args:
        labels: Whole numbers from 0.
        count: How many images there are.
        classes: K; None where it is not known yet.
        where: For messages.

    Raises:
        UserError: They are of another shape or number, not whole, or outside 0 … K − 1.
    """
    y = _tensor(labels, where)
    y = y.flatten() if y.dim() == 2 and y.shape[1] == 1 else y
    if y.dim() != 1:
        raise UserError(
            f"labels of shape {list(y.shape)} came where [N] is expected",
            where=where,
            remedy="give one whole number an image: labels.argmax(1) of one-hot labels",
        )
    if len(y) != count:
        raise UserError(f"{len(y)} labels for {count} images", where=where, remedy="give one label an image")
    whole = y.to(torch.int64)
    if y.dtype.is_complex or not bool((whole == y).all()):
        raise UserError("labels that are no whole numbers", where=where, remedy="give classes as numbers from 0")
    low, high = int(whole.min()), int(whole.max())
    if low < 0 or (classes is not None and high >= classes):
        wanted = "0 or more" if classes is None else f"0 … {classes - 1}, one for each class of the model"
        from_one = classes is not None and low == 1 and high == classes
        remedy = "give labels - 1" if from_one else "give the number of the class that the model's logits have"
        raise UserError(f"labels from {low} to {high} came where {wanted} is expected", where=where, remedy=remedy)
    return whole


def _tensor(values: Any, where: str) -> Tensor:
    if isinstance(values, Tensor):
        return values.detach()
    try:
        import numpy as np

        # A copy: torch warns of arrays that cannot be written to, and nothing here may write into a user's.
        return torch.from_numpy(np.array(values, order="C"))
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{type(values).__name__} is no array of numbers", where=where, remedy="give a tensor or a numpy array"
        ) from error


def _kind(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")


def _scaling(low: float, high: float) -> str:
    if low >= 0 and 1 < high <= 255:
        return "divide by 255, or give them as uint8"
    if low < 0:
        return "give them before normalisation, and normalise inside the model"
    return "give pixels in [0, 1] or uint8"
