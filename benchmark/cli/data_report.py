"""What `data check` prints of one data set, within 80 columns."""

from __future__ import annotations

import os
from collections.abc import Iterable
from textwrap import wrap
from typing import TYPE_CHECKING

from benchmark.core.harmless import line

if TYPE_CHECKING:
    from benchmark.datasets.loading.report import Report
    from benchmark.datasets.reading.unusable import UnusableError

_WIDTH = 80
_LONGEST = 32
_KINDS = 8
"""Sizes of files that are shown one by one; of more, the smallest and the largest."""


def in_words(found: Report) -> str:
    """The whole report, its last line without a break."""
    from tabulate import tabulate

    channels, height, width = found.shape
    columns = [(s.name, [*map(str, s.counts), _patients(s.patients), str(s.copies)]) for s in found.splits]
    names = [*map(_short, found.classes), "patients", "copies within"]
    rows = [[name, *(cells[at] for _, cells in columns)] for at, name in enumerate(names)]
    table = tabulate(
        rows,
        ["images", *(name for name, _ in columns)],
        tablefmt="simple",
        colalign=("left", "right", "right", "right"),
        disable_numparse=True,
    )
    official = {True: ["the published file"], False: ["not the published file"], None: []}[found.official]
    shared = [
        f"{count:,} {'image' if count == 1 else 'images'} in both {first} and {second}"
        for first, second, count in found.shared
        if count
    ]
    paragraphs = [
        *_wrapped(line(found.title)),
        *_wrapped(f"read as {channels} × {height} × {width} (channels, height, width)"),
        *(text for words in official for text in _wrapped(words)),
        "",
        table,
        "",
        *_listed("copies across splits", shared or ["none"]),
        *_listed("files", _kinds(found)),
        *_listed("left out", found.left_out),
        *_listed("note", found.notes),
        *_listed("note", [note for note in found.copies if "different labels" in note]),
    ]
    return "\n".join(paragraphs)


def problems_in_words(error: UnusableError) -> str:
    """Every file that cannot be used, one after another."""
    folder = os.path.commonpath([os.path.dirname(problem.where) for problem in error.problems])
    named = [f"{os.path.relpath(problem.where, folder)} {problem.problem}" for problem in error.problems]
    remedies = dict.fromkeys(problem.remedy for problem in error.problems if problem.remedy)
    many = f"{len(named):,} {'image' if len(named) == 1 else 'images'}"
    return "\n".join(
        [
            *_wrapped(f"{many} of {line(folder)} cannot be used:"),
            *(part for text in named for part in _wrapped(f"  {line(text)}")),
            *_listed("remedy", remedies),
        ]
    )


def _listed(name: str, texts: Iterable[str]) -> list[str]:
    return [part for text in texts for part in _wrapped(f"{name}: {line(text)}")]


def _wrapped(text: str) -> list[str]:
    # A path is to be copied, so it is not broken.
    return wrap(text, _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False) or [""]


def _patients(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def _short(name: str) -> str:
    shown = line(name)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def _kinds(found: Report) -> list[str]:
    if not found.originals:
        return []
    if len(found.originals) <= _KINDS:
        return [f"{count:,} of {k.width} × {k.height}, {_bits(k.bits)}" for k, count in found.originals]
    kinds = [kind for kind, _ in found.originals]
    (common, count), *_ = found.originals
    by_bits: dict[int, int] = {}
    for kind, files in found.originals:
        by_bits[kind.bits] = by_bits.get(kind.bits, 0) + files
    widths, heights = sorted(k.width for k in kinds), sorted(k.height for k in kinds)
    return [
        f"{len({k[:2] for k in kinds}):,} sizes, {widths[0]} to {widths[-1]} wide and {heights[0]} to {heights[-1]} "
        f"high; most often {common.width} × {common.height} ({count:,} files)",
        ", ".join(f"{files:,} of {_bits(bits)}" for bits, files in sorted(by_bits.items())),
    ]


def _bits(bits: int) -> str:
    return f"{bits} bit{'' if bits == 1 else 's'}"
