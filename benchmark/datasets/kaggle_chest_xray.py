"""The Kaggle chest X-ray folder."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from benchmark.core.images import ImageData
from benchmark.core.plain_file import is_folder
from benchmark.core.settings import ImageSide
from benchmark.datasets.base import Dataset, whole_number
from benchmark.datasets.reading.assemble import assemble
from benchmark.datasets.reading.folders import ImageFile, list_images, read_images
from benchmark.datasets.reading.root import data_root
from benchmark.datasets.reading.splitting import VALIDATION_SHARE, split_off

_CLASSES = ("NORMAL", "PNEUMONIA")
_PATIENT = re.compile(r"(person\d+)_|(?:NORMAL\d*-)?(IM-\d+)-|(?:BACTERIA|VIRUS|NORMAL)-(\d+)-")


class KaggleChestXray(Dataset):
    """Chest radiographs of children, normal or pneumonia, as the Kaggle archive unpacks (Kermany et al. 2018).

    The published test folder is the evaluation split. The published validation folder has 16 images, too few to
    choose anything on: it is merged into train, and 10 % of each class, whole patients, become validation.

    The patient is the number in the file name: `person1000_bacteria_2931.jpeg` → person1000, `IM-0115-0001.jpeg` and
    `NORMAL2-IM-0115-0001.jpeg` → IM-0115. Training images whose number also stands in test are left out. That is the
    careful reading, and it costs a tenth of train: no `personN_bacteria` of test has its like in train, only
    `personN_virus` has (likewise with and without NORMAL2), and such pairs look no more alike than strangers, so the
    numbers were probably counted for each kind by itself.

    Args:
        size: Height and width; the aspect ratio is not kept (see `benchmark.datasets.reading.decode`).
    """

    name = "kaggle-chest-xray"
    source = "Kermany et al. 2018, Cell 172:1122; Kaggle paultimothymooney/chest-xray-pneumonia"
    folder = "chest_xray"
    positive_class = "PNEUMONIA"

    def __init__(self, *, size: ImageSide = 64) -> None:
        self.size = size

    def load(self, *, root: Path | None, download: bool = True) -> ImageData:
        """uint8 [N, 1, size, size] with patients as groups; see `Dataset.load`. Never downloads."""
        del download
        size = whole_number(self.size, name="size", low=8, high=1024, where=f"dataset {self.name}")
        path = self.locate(root=data_root(root))
        training = list_images(path / "train", _CLASSES, prefix="train", patient=_patient)
        if is_folder(path / "val"):
            training += list_images(path / "val", _CLASSES, prefix="val", patient=_patient)
        testing = list_images(path / "test", _CLASSES, prefix="test", patient=_patient)
        kept, notes = _without_patients_of(testing, training)
        unknown = sum(patient_of(f.path.name) == f.path.stem for f in kept + testing)
        if unknown:
            notes.append(f"{unknown:,} file names carry no patient number; each counts as a patient of its own")
        notes.append(f"validation is {VALIDATION_SHARE:.0%} of the training images of each class, split off by patient")
        read, evaluation = read_images(kept, testing, size=size, channels=1)
        train, validation = split_off(read, VALIDATION_SHARE, purpose="validation", where=str(path))
        return assemble(
            self,
            title=f"Kaggle chest X-ray {size}×{size}",
            classes=_CLASSES,
            train=train,
            validation=validation,
            evaluation=evaluation,
            notes=notes,
            where=str(path),
        )

    def where(self, *, root: Path) -> str:
        """The folders, and where they come from."""
        return (
            f"unpack https://www.kaggle.com/datasets/paultimothymooney/chest-xray-pneumonia so that "
            f"{root / self.folder} holds train and test, each with NORMAL and PNEUMONIA"
        )


def patient_of(file_name: str) -> str:
    """The patient number in a file's name or path; the name without its suffix where there is none."""
    match = _PATIENT.match(Path(file_name).name)
    return next(g for g in match.groups() if g) if match else Path(file_name).stem


def numbered(file_name: str) -> bool:
    """Whether there is a patient number in a file's name or path."""
    return _PATIENT.match(Path(file_name).name) is not None


def _patient(path: Path) -> str:
    return patient_of(path.name)


def _without_patients_of(testing: list[ImageFile], training: list[ImageFile]) -> tuple[list[ImageFile], list[str]]:
    tested = {f.patient for f in testing}
    removed = [f for f in training if f.patient in tested]
    if not removed:
        return training, []
    counts = Counter(_CLASSES[f.label] for f in removed)
    by_class = ", ".join(f"{counts[name]} {name}" for name in _CLASSES if counts[name])
    note = (
        f"{len(removed):,} training images ({by_class}) of {len({f.patient for f in removed}):,} patient numbers that "
        "also stand in test were left out"
    )
    return [f for f in training if f.patient not in tested], [note]
