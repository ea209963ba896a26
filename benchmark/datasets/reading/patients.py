"""Whose image a file is, by its name, by the folder it lies in, or by what it says itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from benchmark.core.errors import UserError
from benchmark.datasets.reading.dicom_header import patient_of

FOLDER = "folder"
"""Says that each class folder holds one folder a patient."""
DICOM = "dicom"
"""Says that the files are DICOM, and name their patient; a hash of that is kept."""

UNKNOWN = "patients unknown: images of one patient may stand in several splits, and intervals are then too narrow"
"""What must stand beside results where it is not known whose an image is."""


def patient_rule(written: str, *, where: str) -> Callable[[Path], str] | None:
    """From a file to its patient; None where nothing is written, and patients are unknown.

    Args:
        written: "folder" for the name of the folder that the file lies in, "dicom" for a hash of the patient ID in the
            file, or a regular expression that is searched in the file name: its first group is the patient, all that it
            finds where it has none.
        where: The key, for messages.

    Raises:
        UserError: It is no regular expression, or, from the rule, it finds nothing in a file name.
    """
    if not written:
        return None
    if written == FOLDER:
        return lambda path: path.parent.name
    if written == DICOM:
        return patient_of
    try:
        pattern = re.compile(written)
    except re.error as error:
        raise UserError(
            f"patient = {written!r} is no regular expression ({error})",
            where=where,
            remedy='write one whose first group is the patient, such as "(.*?)_", or "folder"',
        ) from error

    def rule(path: Path) -> str:
        found = pattern.search(path.name)
        patient = found and (found.group(1) if pattern.groups else found.group())
        if not patient:
            raise UserError(
                f"patient = {written!r} finds no patient in the file name",
                where=str(path),
                remedy="correct the expression, or rename the file",
            )
        return patient

    return rule
