"""Drawing what a run has to show; a figure that cannot be drawn is left out and fails nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmark.core.writing import DiskError, write_atomically, writing
from leaderboard.figures.survival import draw_survival
from leaderboard.figures.transfer import draw_transfer
from leaderboard.schema import Board


def draw_figures(board: Board, folder: Path) -> None:
    """Write `transfer.png` and `survival.png` into `folder`, as far as the board has something to draw."""
    drawings: dict[str, Callable[[], bytes]] = {}
    if board.transfer is not None:
        drawings["transfer.png"] = partial(draw_transfer, board.transfer, board.title)
    if any(curve.followed for curve in board.survival):
        drawings["survival.png"] = partial(draw_survival, board.survival, board.title)
    for name in ("transfer.png", "survival.png"):
        # What an earlier run drew is not what this one shows.
        with writing(folder / name):
            (folder / name).unlink(missing_ok=True)
        if name in drawings:
            _draw(drawings[name], folder / name)


def _draw(drawing: Callable[[], bytes], path: Path) -> None:
    try:
        write_atomically(path, drawing())
    except DiskError:
        raise
    except Exception as error:
        # The tables hold every number of the figure, and hours of computing must not end in a drawing's error.
        warnings.warn(f"{path.name} was not drawn ({type(error).__name__}: {error})", stacklevel=2)
