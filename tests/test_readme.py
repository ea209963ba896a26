"""What the README shows works: its suites are planned, its defense is run, its commands and calls exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmark.__main__ import main
from benchmark.core.exit_status import ExitStatus
from benchmark.run import RunRequest, prepare
from tests.run.own_folder import draw_folder

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PHANTOM = 'name = "chest-phantom"\nsize = 28\ncount = 160'


def blocks(section: str, language: str) -> list[str]:
    """The fenced blocks of a language under a heading."""
    _, _, after = README.partition(f"\n## {section}\n")
    assert after, section
    return re.findall(rf"```{language}\n(.*?)```", after.partition("\n## ")[0], re.DOTALL)


@pytest.fixture(autouse=True)
def _plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmark.core.discovery import load_plugins

    load_plugins()
    monkeypatch.chdir(tmp_path)


def test_it_opens_with_the_three_cases_in_under_twelve_lines_each() -> None:
    sections = re.findall(r"^## (.*)$", README, re.MULTILINE)
    cases = ["My weights on my folder of images", "A published network on a known data set", "My new defense"]
    assert sections[:4] == [*cases, "The answer"]
    assert len(README.splitlines()) <= 170
    for case in cases:
        for block in blocks(case, "(?:toml|python)"):
            assert sum(bool(line.strip()) for line in block.splitlines()) < 12


def test_my_weights_on_my_folder(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    (toml,) = blocks("My weights on my folder of images", "toml")
    for split in ("train", "val", "test"):
        draw_folder(tmp_path / "images", splits=(split,), patients=4)
        for image in (tmp_path / "images" / split).rglob("*.png"):
            image.rename(image.with_name(f"{split}{image.name}"))
    network = resnet18(num_classes=2)
    torch.save(network.state_dict(), tmp_path / "own.pth")
    assert "/data/polyps" in toml
    (tmp_path / "my.toml").write_text(toml.replace("/data/polyps", str(tmp_path / "images")))
    prepared = prepare(RunRequest("my.toml"))
    assert prepared.plan.rehearsal is not None
    assert prepared.data.evaluation.groups is not None
    assert len(set(prepared.data.evaluation.groups)) == 4


def test_a_published_network(tmp_path: Path) -> None:
    pytest.importorskip("timm", reason="timm is not installed: pip install -e '.[models]'")
    (toml,) = blocks("A published network on a known data set", "toml")
    replaced = toml.replace('name = "pneumoniamnist"', PHANTOM).replace("pretrained = true", "pretrained = false")
    assert replaced.count("chest-phantom") == replaced.count("pretrained = false") == 1
    (tmp_path / "my.toml").write_text(replaced)
    assert prepare(RunRequest("my.toml")).plan.rehearsal is not None


def test_my_new_defense(tmp_path: Path) -> None:
    (code,) = blocks("My new defense", "python")
    (toml,) = blocks("My new defense", "toml")
    command = next(line for line in README.splitlines() if "--plugin" in line)
    (tmp_path / "median.py").write_text(code)
    small = toml.replace('name = "pneumoniamnist"', PHANTOM).replace("standard-v1]", "fgsm]\n[robustness]\nprobes = 1")
    (tmp_path / "my.toml").write_text(small.replace('"small-cnn"', '"small-cnn"\nbatch_size = 16\nepochs = 4'))
    _, _, arguments = command.strip().partition("python -m benchmark ")
    assert main([*shlex.split(arguments), "--limit", "12"]) == ExitStatus.DONE
    assert "median" in (tmp_path / "runs" / "my-quick" / "rows.csv").read_text()


def test_the_calls_from_python() -> None:
    (code,) = blocks("From Python", "python")
    attacks = '("pgd", "cw-linf", "square")'
    assert attacks in code
    images = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).eval()
    names = {"model": model, "images": images, "labels": model(images).argmax(1)}
    exec(compile(code.replace(attacks, '("fgsm",)'), "README.md", "exec"), names)
    assert names["adversarial"].shape == images.shape


def test_every_command_is_one_with_those_options() -> None:
    import typer
    from typer.core import TyperGroup

    from benchmark.cli.app import app

    lines = [line for line in README.splitlines() if line.startswith("python -m benchmark ")]
    assert len(lines) > 10
    for line in lines:
        command, words = typer.main.get_command(app), shlex.split(line, comments=True)[3:]
        while isinstance(command, TyperGroup):
            found = command.get_command(command.context_class(command), words.pop(0))
            assert found is not None, line
            command = found
        # Parses, and runs nothing.
        command.make_context(line, words)


def test_every_page_that_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target
