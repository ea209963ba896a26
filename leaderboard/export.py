"""A run in files for others' programs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from benchmark.core.discovery import load_plugins
from benchmark.core.errors import UserError
from benchmark.core.harmless import in_json
from benchmark.core.writing import write_atomically, writing
from benchmark.records.store import Store
from leaderboard.board import read_board
from leaderboard.methods import sources
from leaderboard.pages.adversarial import adversarial_files
from leaderboard.pages.bibliography import to_bibtex
from leaderboard.pages.flat_csv import to_csv
from leaderboard.pages.flat_json import to_json
from leaderboard.strip.section import Strip

METHODS = "methods.bib"


def export(run: Path, folder: Path) -> list[str]:
    """Write a run's record, board and adversarial images into an empty folder.

    `run.json` is the run record (`docs/run-record.schema.json`), `board.json` findings and rows, `rows.csv` the rows,
    `adversarial/*.npz` what each attack submitted, `strip.png` some of it to look at, where the run kept images, and
    `methods.bib` the sources of its methods.

    Returns:
        Names of the files within the folder.

    Raises:
        UserError: There is no run, a step is damaged, or the folder is not empty.
    """
    store, board = Store(run), read_board(run)
    record = store.manifest()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    if taken:
        raise UserError("is not empty", where=str(folder), remedy="give another --out")
    write_atomically(folder / "run.json", in_json(record.model_dump_json(indent=1)))
    write_atomically(folder / "board.json", to_json(board))
    write_atomically(folder / "rows.csv", to_csv(board))
    written = ["run.json", "board.json", "rows.csv"]
    for name, arrays in adversarial_files(record, store):
        write_atomically(folder / "adversarial" / name, arrays)
        written.append(f"adversarial/{name}")
    # A package of somebody else's that does not import leaves its own sources unknown and nothing unwritten.
    with suppress(UserError):
        load_plugins(kinds=("attack", "objective", "gradient", "detector"))
    write_atomically(folder / METHODS, to_bibtex(sources(record)))
    written.append(METHODS)
    strip = board.section(Strip)
    figure = strip.figure(board.title) if strip else None
    if figure is not None:
        write_atomically(folder / Strip.picture, figure)
        written.append(Strip.picture)
    return written
