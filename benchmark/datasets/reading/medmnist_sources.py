"""The table of source images that MedMNIST's authors give beside their files: split, index, image_id."""

from __future__ import annotations

import csv
from io import TextIOWrapper
from pathlib import Path

from benchmark.core.errors import UserError
from benchmark.core.plain_file import open_plain

_COLUMNS = ("split", "index", "image_id")
_MOST_BYTES = 2**26
_REMEDY = "replace it with the published table, or remove it"


def source_names(path: Path, counts: dict[str, int]) -> dict[str, list[str]] | None:
    """For each split the name of the source of each image, by index; None where the file is another table.

    Args:
        path: The CSV file.
        counts: How many images each split has.

    Raises:
        UserError: It is no CSV file, or does not name each image once.
    """
    found: dict[str, dict[int, str]] = {split: {} for split in counts}
    try:
        with open_plain(path, most=_MOST_BYTES) as content:
            rows = csv.DictReader(TextIOWrapper(content, encoding="utf-8-sig", newline=""))
            # `medmnist save` writes a table of another kind under the same name.
            if not set(_COLUMNS) <= set(rows.fieldnames or ()):
                return None
            for row in rows:
                split, index, name = (row[column] or "" for column in _COLUMNS)
                at = int(index) if index.isascii() and index.isdigit() else -1
                if split not in counts or not 0 <= at < counts[split] or at in found[split] or not name:
                    raise UserError(
                        "the row names no image of the file, or one that was named before",
                        where=f"{path}:{rows.line_num}",
                        remedy=_REMEDY,
                    )
                found[split][at] = name
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"is not a readable CSV file ({error})", where=str(path), remedy=_REMEDY) from error
    missing = sum(counts.values()) - sum(map(len, found.values()))
    if missing:
        raise UserError(f"does not name {missing:,} images of the file", where=str(path), remedy=_REMEDY)
    return {split: [names[at] for at in range(counts[split])] for split, names in found.items()}
