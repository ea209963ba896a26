"""What on a board is an error, or no result, so that a run that has it does not end like one that has all."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.schema import Board, RobustnessRow


def failures(board: Board) -> list[str]:
    """One line for every row, detection and transfer entry that is an error, and for a row that attacked nothing."""
    return [
        *(line for row in board.robustness for line in _of_row(row)),
        *(
            f"detection of {row.attack} on {row.defense} by {row.detector}: {row.reason}"
            for row in board.detection
            if row.status == "error"
        ),
        *(
            f"transfer from {entry.source} to {entry.target}: {entry.reason}"
            for entry in (() if board.transfer is None else board.transfer.entries)
            if entry.status == "error"
        ),
    ]


def _of_row(row: RobustnessRow) -> Iterator[str]:
    if row.status == "error":
        yield f"row {row.defense}: {'; '.join(row.remarks) or 'it has no result'}"
        return
    done = [attack for attack in row.attacks if attack.status == "done"]
    # An image that the model gets wrong is not attacked.
    if done and all(attack.success is None for attack in done):
        yield f"row {row.defense}: no image was attacked, because the model gets none of the {row.n} right"
