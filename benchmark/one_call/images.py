"""The images and labels of a call as the data of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.images import ImageData, LabeledImages
from benchmark.core.user_images import as_images, as_labels

if TYPE_CHECKING:
    from torch.utils.data import DataLoader, Dataset

    from benchmark.core.user_images import Images, Labels

    Pairs = LabeledImages | tuple[Images, Labels] | DataLoader[Any] | Dataset[Any] | Iterable[tuple[Any, Any]]
    Ids = Sequence[object] | None

NAME = "given"
_NOTHING = 1e-6
"""What is left of a pixel of 8 bits in a float."""


@dataclass(frozen=True)
class Split:
    """Images of a call as a run has them.

    Attributes:
        images: The images, of 8 bits.
        rounded: The largest change of a pixel on the way there.
    """

    images: LabeledImages
    rounded: float = 0.0


def as_split(images: Images | Pairs, labels: Labels | None, *, name: str, ids: Ids = None, groups: Ids = None) -> Split:
    """Images and labels of any form.

    Args:
        images: An array or tensor, [N, C, H, W]; or a DataLoader, data set or other iterable of pairs, a pair of
            arrays, or `LabeledImages`.
        labels: Of an array or tensor; None where `images` gives them.
        name: Of the split, for messages and for the names of its images.
        ids: Names of the images.
        groups: Their patients.

    Raises:
        UserError: Something is wrong with them.
    """
    if isinstance(images, LabeledImages):
        return Split(_named(images, ids, groups, name))
    pixels, numbers = _gathered(images, name) if labels is None else (images, labels)
    x = as_images(cast("Images", pixels), where=f"{name} images").cpu()
    y = as_labels(numbers, count=len(x), classes=None, where=f"{name} labels").cpu()
    stored = x.clone() if x.dtype == torch.uint8 else (x * 255).round().to(torch.uint8)
    rounded = 0.0 if x.dtype == torch.uint8 else float((stored.float() / 255 - x).abs().max())
    named = LabeledImages(stored, y.clone(), tuple(f"{name}/{i}" for i in range(len(y))))
    return Split(_named(named, ids, groups, name), rounded)


def image_data(
    evaluation: Split,
    validation: Split | None,
    train: Split | None,
    *,
    classes: tuple[str, ...],
    notes: Sequence[str],
) -> ImageData:
    """The three splits of a run; those that were not given have no image.

    Args:
        evaluation, validation, train: The images.
        classes: Names of the K classes.
        notes: What a reader must know.

    Raises:
        UserError: Labels outside 0 … K − 1, splits of different shapes, or an image or a patient that is judged and
            stands in another split.
    """
    none = evaluation.images[torch.arange(0)]
    splits = {"train": train, "validation": validation, "evaluation": evaluation}
    for name, split in splits.items():
        if split is None:
            continue
        as_labels(split.images.labels, count=len(split.images), classes=len(classes), where=f"{name} labels")
        if split.images.shape != evaluation.images.shape:
            raise UserError(
                f"{name} images of {list(split.images.shape)}, evaluation images of {list(evaluation.images.shape)}",
                where=name,
                remedy="give images of one size",
            )
        if split is not evaluation:
            _refuse_shared(split.images, evaluation.images, name)
    rounded = max(split.rounded for split in splits.values() if split is not None)
    rounding = f"Pixels were rounded to 8 bits, as a file would hold them, by up to {255 * rounded:.2g}/255."
    size = "×".join(map(str, evaluation.images.shape[1:]))
    return ImageData(
        name=NAME,
        title=f"{len(evaluation.images)} given images {size}",
        classes=classes,
        train=train.images if train else none,
        validation=validation.images if validation else none,
        evaluation=evaluation.images,
        notes=(*notes, *([rounding] if rounded > _NOTHING else [])),
    )


def _gathered(pairs: Any, where: str) -> tuple[Any, Any]:
    """All images and labels of a pair of arrays, or of an iterable of pairs: single ones, or batches of them."""
    if isinstance(pairs, tuple) and len(pairs) == 2:
        return pairs[0], pairs[1]
    if isinstance(pairs, Tensor) or hasattr(pairs, "__array__"):
        raise UserError("images without labels", where=where, remedy="give labels, or a DataLoader of pairs")
    if not (_is_map(pairs) or isinstance(pairs, Iterable)):
        raise UserError(
            f"{type(pairs).__name__} holds no images", where=where, remedy="give an array, a tensor or a DataLoader"
        )
    found: list[tuple[Tensor, Tensor]] = []
    # A map-style data set may know no end but its length.
    for item in (pairs[i] for i in range(len(pairs))) if _is_map(pairs) else pairs:
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise UserError(
                f"it gives {type(item).__name__}, not pairs of images and labels",
                where=where,
                remedy="let it give (image, label)",
            )
        x, y = torch.as_tensor(_array(item[0], where)), torch.as_tensor(item[1])
        if x.dim() == 3:
            x, y = x[None], y.reshape(1) if y.numel() == 1 else y[None]
        found.append((x, y))
    if not found:
        raise UserError("no images", where=where, remedy="give some")
    if len({(x.shape[1:], x.dtype) for x, _ in found}) > 1:
        raise UserError("images of different sizes or types", where=where, remedy="resize them to one size")
    return torch.cat([x for x, _ in found]), torch.cat([y for _, y in found])


def _is_map(pairs: Any) -> bool:
    from torch.utils.data import DataLoader

    return hasattr(pairs, "__getitem__") and hasattr(pairs, "__len__") and not isinstance(pairs, DataLoader)


def _array(image: Any, where: str) -> Any:
    import numpy as np

    if isinstance(image, (Tensor, np.ndarray)):
        return image
    raise UserError(
        f"an image is a {type(image).__name__}",
        where=where,
        remedy="give tensors: transform=torchvision.transforms.ToTensor()",
    )


def _named(images: LabeledImages, ids: Ids, groups: Ids, name: str) -> LabeledImages:
    given = {"ids": ids, "groups": groups}
    texts = {field: tuple(map(str, values)) for field, values in given.items() if values is not None}
    for field, values in texts.items():
        if len(values) != len(images) or (field == "ids" and len(set(values)) < len(values)):
            raise UserError(
                f"{len(values)} {field}, {len(set(values))} of them different, for {len(images)} images",
                where=f"{name} {field}",
                remedy="give one an image" + ", all different" * (field == "ids"),
            )
    return replace(images, **texts)  # type: ignore[arg-type]


def _refuse_shared(split: LabeledImages, evaluation: LabeledImages, name: str) -> None:
    """Nothing may be chosen or learned on the images that are judged."""
    judged = {image.numpy().tobytes() for image in evaluation.pixels}
    shared = sum(image.numpy().tobytes() in judged for image in split.pixels)
    if shared:
        raise UserError(
            f"{shared} of its images are among the evaluated ones", where=name, remedy="give other images, or none"
        )
    patients = set(split.groups or ()) & set(evaluation.groups or ())
    if patients:
        raise UserError(
            f"patient {min(patients)!r} is among the evaluated ones", where=name, remedy="let no patient stand in both"
        )
