"""docs/evaluate.ipynb runs from its first cell to its last, and is kept as it ran."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT

NOTEBOOK = ROOT / "docs" / "evaluate.ipynb"


def test_it_runs_and_shows_a_report_a_table_and_a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="notebooks are not installed: pip install -e '.[notebook]'")
    pytest.importorskip("ipykernel", reason="notebooks are not installed: pip install -e '.[notebook]'")
    preprocessors = pytest.importorskip("nbconvert.preprocessors", reason="nbconvert is not installed")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    runner = preprocessors.ExecutePreprocessor(timeout=100, kernel_name="python3")
    runner.preprocess(notebook, {"metadata": {"path": str(tmp_path)}})
    made = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    for outputs in (kept, made):
        nothing, report, table, figure = outputs
        assert nothing == []
        progress, shown = report
        # One line, rewritten: the last that it said.
        assert " steps, 0:" in progress["data"]["text/plain"]
        assert "<h4>A small network" in shown["data"]["text/html"]
        assert "worst case" in table[-1]["data"]["text/html"]
        assert "image/png" in figure[-1]["data"]
    assert [[output.output_type for output in cell] for cell in kept] == [
        [o.output_type for o in cell] for cell in made
    ]


def test_it_tells_nothing_of_the_machine_it_ran_on() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    document = json.loads(text)
    assert set(document["metadata"]) == {"kernelspec", "language_info"}
    assert document["metadata"]["language_info"] == {"name": "python"}
    assert not any(cell["metadata"] for cell in document["cells"])
    for word in ("/tmp", "/home", "/root", "/work", "/Users", "site-packages"):
        assert word not in text
    assert len(text) < 150_000
