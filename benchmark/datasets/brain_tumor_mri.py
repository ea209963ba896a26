"""The Kaggle brain-tumor MRI folder."""

from __future__ import annotations

from pathlib import Path

from benchmark.core.images import ImageData
from benchmark.core.settings import ImageSide
from benchmark.datasets.base import Dataset, whole_number
from benchmark.datasets.reading.assemble import assemble
from benchmark.datasets.reading.folders import list_images, read_images
from benchmark.datasets.reading.root import data_root
from benchmark.datasets.reading.splitting import VALIDATION_SHARE, split_off

_CLASSES = ("notumor", "glioma", "meningioma", "pituitary")


class BrainTumorMRI(Dataset):
    """Slices of brain MRI, three kinds of tumor or none, as the Kaggle archive unpacks.

    The published Testing folder is the evaluation split; 10 % of each class of Training become validation, copies of
    an image staying together. Colour files are read as grayscale. The collection merges three sources, has no
    patient ids, and is known for near-copies across its folders: accuracy on it flatters.

    Args:
        size: Height and width; the aspect ratio is not kept (see `benchmark.datasets.reading.decode`).
    """

    name = "brain-tumor-mri"
    source = "Nickparvar 2021, Brain Tumor MRI Dataset, Kaggle masoudnickparvar/brain-tumor-mri-dataset"
    folder = "brain_tumor_mri"

    def __init__(self, *, size: ImageSide = 64) -> None:
        self.size = size

    def load(self, *, root: Path | None, download: bool = True) -> ImageData:
        """uint8 [N, 1, size, size] with four classes; see `Dataset.load`. Never downloads."""
        del download
        size = whole_number(self.size, name="size", low=8, high=1024, where=f"dataset {self.name}")
        path = self.locate(root=data_root(root))
        training = list_images(path / "Training", _CLASSES, prefix="Training")
        testing = list_images(path / "Testing", _CLASSES, prefix="Testing")
        read, evaluation = read_images(training, testing, size=size, channels=1)
        train, validation = split_off(read, VALIDATION_SHARE, purpose="validation", where=str(path))
        return assemble(
            self,
            title=f"Brain tumor MRI {size}×{size}",
            classes=_CLASSES,
            train=train,
            validation=validation,
            evaluation=evaluation,
            notes=[
                "no patient ids: slices of one patient may stand in several splits",
                f"validation is {VALIDATION_SHARE:.0%} of each class of Training",
            ],
            where=str(path),
        )

    def where(self, *, root: Path) -> str:
        """The folders, and where they come from."""
        return (
            f"unpack https://www.kaggle.com/datasets/masoudnickparvar/brain-tumor-mri-dataset so that "
            f"{root / self.folder} holds Training and Testing, each with {', '.join(sorted(_CLASSES))}"
        )
