"""The images and labels of a call as the data of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.images import ImageData, LabeledImages
from benchmark.core.user_images import as_images, as_labels

if TYPE_CHECKING:
    from torch.utils.data import DataLoader, Dataset

    from benchmark.core.user_images import Images, Labels

    Pairs = DataLoader[Any] | Dataset[Any] | Iterable[tuple[Any, Any]]
    Split = tuple[Images, Labels] | Pairs

NAME = "given"


def image_data(
    evaluation: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor] | None,
    train: tuple[Tensor, Tensor] | None,
    *,
    classes: tuple[str, ...],
    title: str,
    groups: Sequence[object] | None,
    notes: Sequence[str],
) -> ImageData:
    """The three splits of a run; those that were not given have no image.

    Args:
        evaluation, validation, train: Images and labels as `as_split` gives them.
        classes: Names of the K classes.
        title: For people.
        groups: The patient of each evaluation image.
        notes: What a reader must know.

    Raises:
        UserError: Splits of different shapes, images that stand in two of them, or patients that are not one an image.
    """
    shape = evaluation[0].shape[1:]
    given = {"train": train, "validation": validation, "evaluation": evaluation}
    splits: dict[str, LabeledImages] = {}
    rounded = 0.0
    for name, split in given.items():
        if split is not None and split[0].shape[1:] != shape:
            raise UserError(
                f"{name} images of {list(split[0].shape[1:])}, evaluation images of {list(shape)}",
                where=name,
                remedy="give images of one size",
            )
        x, y = (evaluation[0][:0], evaluation[1][:0]) if split is None else split
        pixels, error = _bytes(x)
        rounded = max(rounded, error)
        ids = tuple(f"{name}/{i}" for i in range(len(y)))
        patients = _patients(groups, len(y)) if name == "evaluation" else None
        splits[name] = LabeledImages(pixels, y.cpu().clone(), ids, patients)
    for name in ("train", "validation"):
        _refuse_shared(splits[name], splits["evaluation"], name)
    said = list(notes)
    if rounded > 1e-6:
        said.append(f"pixels were rounded to 8 bits, as a file would hold them, by up to {255 * rounded:.2f}/255")
    return ImageData(
        name=NAME,
        title=title,
        classes=classes,
        train=splits["train"],
        validation=splits["validation"],
        evaluation=splits["evaluation"],
        notes=tuple(said),
    )


def as_split(
    images: Images | Split, labels: Labels | None, *, classes: int | None, where: str
) -> tuple[Tensor, Tensor]:
    """Images [N, C, H, W], uint8 or floats in [0, 1], and labels int64 [N], on the CPU.

    Args:
        images: An array or tensor, or a DataLoader, data set or other iterable of pairs.
        labels: Of an array or tensor; None where `images` gives pairs.
        classes: K; None where it is not known yet.
        where: For messages.

    Raises:
        UserError: Something is wrong with them.
    """
    pixels, numbers = _gathered(images, where) if labels is None else (cast("Images", images), labels)
    x = as_images(pixels, where=f"{where} images").cpu()
    return x, as_labels(numbers, count=len(x), classes=classes, where=f"{where} labels").cpu()


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


def _bytes(x: Tensor) -> tuple[Tensor, float]:
    """The images as uint8, and the largest change of a pixel."""
    if x.dtype == torch.uint8:
        return x.clone(), 0.0
    pixels = (x * 255).round().to(torch.uint8)
    return pixels, float((pixels.float() / 255 - x).abs().max()) if len(x) else 0.0


def _patients(groups: Sequence[object] | None, count: int) -> tuple[str, ...] | None:
    if groups is None:
        return None
    names = tuple(str(group) for group in groups)
    if len(names) != count:
        raise UserError(f"{len(names)} groups for {count} images", where="groups", remedy="give one patient an image")
    return names


def _refuse_shared(split: LabeledImages, evaluation: LabeledImages, name: str) -> None:
    """Nothing may be chosen on the images that are judged."""
    own = {image.numpy().tobytes() for image in evaluation.pixels}
    shared = sum(image.numpy().tobytes() in own for image in split.pixels)
    if shared:
        raise UserError(
            f"{shared} of its images are among the evaluated ones", where=name, remedy="give other images, or none"
        )
