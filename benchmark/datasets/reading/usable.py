"""The images of a user's files that can be used, and what a reader must know of how they were read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from benchmark.core.images import LabeledImages
from benchmark.datasets.reading.decode import decode_each
from benchmark.datasets.reading.folders import ImageFile, labeled
from benchmark.datasets.reading.unusable import unusable
from benchmark.datasets.reading.window import Bounds, window_notes


def read_usable(
    *splits: Sequence[ImageFile], size: int, channels: int, window: Bounds | None = None, skip: bool = False
) -> tuple[list[LabeledImages], list[str]]:
    """Decode every split (see `decode_each`), and say in notes what was shown in which window and what was left out.

    Args:
        splits: The files.
        size: Height and width.
        channels: 1 or 3.
        window: What is black and what is white.
        skip: Leave out what cannot be read.

    Raises:
        UserError: Files cannot be read, and are not to be skipped or nothing else is there: all of them are named,
            whatever split they are of.
    """
    files = [file for split in splits for file in split]
    decoded = decode_each([f.path for f in files], size=size, channels=channels, window=window)
    problems = [error for error in decoded.problems if error]
    if problems and (not skip or len(problems) == len(files)):
        raise unusable(problems, of=len(files))
    read, start = [], 0
    for split in splits:
        rows = range(start, start + len(split))
        kept = [row for row in rows if decoded.problems[row] is None]
        read.append(labeled([files[row] for row in kept], decoded.pixels[kept]))
        start = rows.stop
    skipped = [file for file, error in zip(files, decoded.problems, strict=True) if error]
    return read, [*_left_out(skipped, of=len(files)), *window_notes(decoded.windows)]


def _left_out(skipped: list[ImageFile], *, of: int) -> list[str]:
    if not skipped:
        return []
    counts = Counter(PurePosixPath(*PurePosixPath(file.id).parent.parts[:2]).as_posix() for file in skipped)
    where = ", ".join(f"{count:,} of {folder}" for folder, count in sorted(counts.items()))
    return [f'{len(skipped):,} of {of:,} images cannot be read and are left out (on_error = "skip"): {where}']
