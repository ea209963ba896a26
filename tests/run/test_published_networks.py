"""Networks of other people's libraries as docs/my-model.md names them, with weights from a file."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmark.core.errors import UserError
from benchmark.planning.rehearsal import Rehearsal
from benchmark.run import RunRequest, prepare
from benchmark.steps.context import fingerprint
from tests.run.own_folder import draw_folder

Planned = Callable[..., Rehearsal]
PAGE = (Path(__file__).parents[2] / "docs" / "my-model.md").read_text(encoding="utf-8")
INSTALL = "is not installed: pip install -e '.[models]'"


def shown(language: str, word: str) -> str:
    """The page's block that names `word`."""
    (block,) = (b for b in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if word in b)
    return str(block)


@pytest.fixture
def planned(tmp_path: Path, plugins: None) -> Planned:
    """Plan a suite on a drawn folder of 32×32 images with this classifier; what the network showed."""
    draw_folder(tmp_path / "images")

    def plan(classifier: str, network: nn.Module | None = None) -> Rehearsal:
        if network is not None:
            torch.save(network.state_dict(), tmp_path / "own.pth")
        suite = tmp_path / "my.toml"
        data = f'[data]\nname = "image-folder"\npath = "{tmp_path / "images"}"\nsize = 32\n'
        suite.write_text(f'{data}[classifier]\nname = "module"\n{classifier}\n[robustness.attack.fgsm]\n')
        rehearsal = prepare(RunRequest(str(suite))).plan.rehearsal
        assert rehearsal is not None
        return rehearsal

    return plan


def test_timm(planned: Planned) -> None:
    timm = pytest.importorskip("timm", reason=f"timm {INSTALL}")
    network = timm.create_model("resnet18", num_classes=2, in_chans=1, pretrained=False)
    rehearsal = planned(shown("toml", "timm:create_model") + 'weights = "own.pth"', network)
    assert rehearsal.weights == fingerprint(network)


def test_torchvision_by_the_name_of_a_network(planned: Planned) -> None:
    from torchvision.models import get_model

    network = get_model("squeezenet1_1", num_classes=2)
    rehearsal = planned(shown("toml", "models:get_model") + 'weights = "own.pth"', network)
    assert rehearsal.weights == fingerprint(network)


def test_monai(planned: Planned) -> None:
    nets = pytest.importorskip("monai.networks.nets", reason=f"MONAI {INSTALL}")
    network = nets.DenseNet121(spatial_dims=2, in_channels=1, out_channels=2)
    rehearsal = planned(shown("toml", "monai.networks") + 'weights = "own.pth"', network)
    assert rehearsal.weights == fingerprint(network)


def test_torchxrayvision_whose_operating_points_must_be_taken_off(
    planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = pytest.importorskip("torchxrayvision", reason=f"torchxrayvision {INSTALL}")
    monkeypatch.setattr(sys, "path", list(sys.path))
    # Without the published weights, which would be downloaded, and with operating points as they come with them.
    code = shown("python", "torchxrayvision").replace("weights=weights", "op_threshs=torch.full((18,), 0.3)")
    assert code.count("op_threshs") == 2
    taken_off = "    network.op_threshs = None"
    assert taken_off in code
    for name, text in (("xray", code), ("xray_as_published", code.replace(taken_off, "    pass"))):
        (tmp_path / f"{name}.py").write_text("import torch\n" + text)
    _, _, classifier = shown("toml", "xray:build").partition('name = "module"\n')
    classifier = classifier.partition("[robustness")[0]
    assert planned(classifier).quality is not None
    with pytest.raises(UserError, match="probabilities, not logits"):
        planned(classifier.replace("xray:", "xray_as_published:"))
    with pytest.raises(UserError) as caught:
        planned(classifier.replace('"Pneumonia"', '"Pneumona"'))
    assert "Pneumonia" in caught.value.remedy
    network = library.models.DenseNet(op_threshs=torch.full((18,), 0.3)).eval()
    x = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, published = network.classifier(network.features2(x)), network(x)
        network.op_threshs = None
        assert torch.equal(network(x), logits)
    assert ((published >= 0) & (published <= 1)).all()
