"""Reading a run folder that this version did not write."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.core.errors import UserError
from benchmark.records.store import Store
from leaderboard.board import read_board


def test_records_of_another_version_are_refused_in_words(tmp_path: Path) -> None:
    Store(tmp_path).write_manifest({"suite": {}, "data": {}, "cells": [{"table": "robustness"}]})
    with pytest.raises(UserError) as caught:
        read_board(tmp_path)
    assert str(tmp_path) in caught.value.where
    assert "another version" in caught.value.remedy
