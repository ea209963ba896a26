"""Reading a run folder that this version did not write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmark.core.errors import UserError
from benchmark.records.sealed_json import sealed
from leaderboard.board import read_board
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame, detection_frame


@pytest.mark.parametrize(
    ("change", "changed"), [("version", 1), ("cells", [{"table": "robustness"}]), ("seed", "0"), ("anything", 1)]
)
def test_records_of_another_version_are_refused_in_words(tmp_path: Path, change: str, changed: Any) -> None:
    document = HandMadeRun(tmp_path).manifest().model_dump(mode="json")
    (tmp_path / "manifest.json").write_bytes(sealed({**document, change: changed}))
    with pytest.raises(UserError) as caught:
        read_board(tmp_path)
    assert str(tmp_path) in caught.value.where
    assert "another version" in caught.value.remedy
    assert "run the command" in caught.value.remedy


def test_a_board_is_read_and_shown_without_torch(tmp_path: Path) -> None:
    made, clean = HandMadeRun(tmp_path), clean_frame([0, 1] * 20, [True] * 40)
    made.row("none", clean, {"pgd": attack_frame(clean, [True, False] * 20)})
    made.cell("detection", "none", "pgd", detection_frame(), {}, "maha")
    made.cell("transfer", "none", "source", attack_frame(clean, [False] * 40), {"accuracy": [0.5]})
    made.manifest()
    code = (
        "import sys; from leaderboard.board import read_board; from leaderboard.pages.markdown import to_markdown; "
        "from benchmark.cli.console import print_board; import leaderboard.publish; "
        f"run = __import__('pathlib').Path({str(tmp_path)!r}); to_markdown(read_board(run)); print_board(run); "
        "heavy = {'torch', 'matplotlib', 'sklearn', 'safetensors'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
