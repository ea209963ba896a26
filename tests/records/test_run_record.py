"""The run record: what is written is what is read, and its shape is a document."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from benchmark.records.run_record import CellRecord, RunRecord
from benchmark.records.store import Store
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame
from tests.records.made_by_hand import FACTS, THREAT

SCHEMA = Path(__file__).parents[2] / "docs" / "run-record.schema.json"


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    made = HandMadeRun(tmp_path)
    clean = clean_frame([0, 1], [True, True])
    made.row("none", clean, {"pgd": attack_frame(clean, [True, False])})
    written = made.manifest()
    assert Store(tmp_path).manifest() == written
    assert written.cells[1].threat == THREAT
    assert written.cells[1].sentence == THREAT.sentence()


@pytest.mark.parametrize("changed", [{"key": None}, {"threat": None}, {"status": "finished"}, {"reason": 1}])
def test_a_cell_that_contradicts_itself_is_refused(changed: dict[str, object]) -> None:
    cell = {
        "table": "robustness",
        "defense": "none",
        "attack": "pgd",
        "detector": "none",
        "key": "attack-0",
        "status": "done",
        "reason": "",
        "threat": THREAT,
        "facts": FACTS,
    }
    CellRecord.model_validate(cell)
    with pytest.raises(ValidationError):
        CellRecord.model_validate({**cell, **changed})


def test_the_schema_is_the_one_in_the_documentation() -> None:
    schema = json.dumps(RunRecord.model_json_schema(), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("MEDROBUST_WRITE_DOCS"):
        SCHEMA.write_text(schema, encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == schema, "write it with MEDROBUST_WRITE_DOCS=1"
