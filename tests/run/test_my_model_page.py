"""The suite of docs/my-model.md does what the page says, on a folder and a network drawn for it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch

from benchmark.__main__ import main
from benchmark.core.exit_status import ExitStatus
from benchmark.run import RunRequest, prepare
from tests.run.own_folder import NETWORKS, draw_folder

PAGE = Path(__file__).parents[2] / "docs" / "my-model.md"


@pytest.fixture
def written(tmp_path: Path, plugins: None) -> str:
    """The page's suite, for a folder of colour images of the drawn sort."""
    toml = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    assert len([line for line in toml.splitlines() if line]) <= 15
    draw_folder(tmp_path / "images", patients=4)
    for split in ("train", "val"):
        for image in (tmp_path / "images" / split).rglob("*.png"):
            image.rename(image.with_name(f"{split}-{image.name}"))
    named = {
        "/data/polyps": str(tmp_path / "images"),
        '"no-polyp", "polyp"': '"healthy", "sick"',
        "size = 64": "size = 32",
    }
    for old, new in named.items():
        assert old in toml
        toml = toml.replace(old, new)
    return toml


def test_a_published_network_with_its_own_checkpoint_is_planned(
    written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from torchvision.models import resnet18

    network = resnet18(num_classes=2)
    torch.save(network.state_dict(), tmp_path / "own.pth")
    (tmp_path / "my.toml").write_text(written)
    prepared = prepare(RunRequest(str(tmp_path / "my.toml")))
    assert prepared.suite.title == "my"
    assert list(prepared.suite.defense) == ["none"]
    assert prepared.plan.rehearsal is not None
    assert prepared.plan.rehearsal.parameters == sum(p.numel() for p in network.parameters())
    assert prepared.data.evaluation.groups is not None
    assert set(prepared.data.evaluation.groups) == {"p00", "p01", "p02", "p03"}


def test_a_patient_in_two_splits_is_refused_before_any_work(
    written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leaked = tmp_path / "images" / "test" / "sick" / "p02_002.png"
    leaked.rename(leaked.with_name("train-p02_099.png"))
    (tmp_path / "my.toml").write_text(written)
    torch.save({}, tmp_path / "own.pth")
    assert main(["run", "--suite", str(tmp_path / "my.toml"), "--out", str(tmp_path / "run")]) == ExitStatus.REFUSED
    said = capsys.readouterr().err
    assert "'train-p02'" in said
    assert "stands in both train and evaluation" in " ".join(said.split())
    assert not (tmp_path / "run").exists()


def test_a_network_in_a_file_beside_the_suite_is_run_and_named(
    written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "beside_the_suite.py").write_text(NETWORKS)
    torch.save({"slope": torch.tensor(25.0)}, tmp_path / "own.pth")
    suite = written.replace("torchvision.models:resnet18", "beside_the_suite:build").replace("num_classes", "outputs")
    (tmp_path / "my.toml").write_text(suite.replace("standard-v1]", "fgsm]\n[robustness]\nprobes = 1"))
    assert main(["run", "--suite", "../my.toml", "--limit", "8", "--out", "run"]) == ExitStatus.DONE
    board = (elsewhere / "run" / "leaderboard.md").read_text()
    assert "made by beside_the_suite:build, 1 parameter, weights of own.pth (SHA-256 " in board
    assert "; not trained here; " in board
    assert "intervals count patients as clusters" in board
