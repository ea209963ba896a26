"""The board as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

from benchmark.core.harmless import in_json
from leaderboard.board import Board
from leaderboard.findings.section import Findings
from leaderboard.section import Line


def to_json(board: Board) -> str:
    """Findings, and the lines of `rows.csv` as objects; what is nothing there is null or absent here."""
    findings = board.section(Findings)
    document = {
        "title": board.title,
        "phantom": board.phantom,
        "protocol": list(board.protocol),
        "notes": list(board.notes),
        "findings": list(findings.sentences) if findings else [],
        "rows": [_plain(line) for section in board.sections for line in section.rows()],
    }
    return in_json(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))


def _plain(line: Line) -> dict[str, Any]:
    return {column: _value(value) for column, value in line.items()}


def _value(value: object) -> object:
    """What JSON holds: a number that is none is null."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
