"""One call gives what a suite's run gives."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from attacks.pgd import PGD
from attacks.square import Square
from benchmark import UserError, evaluate
from benchmark.core.discovery import load_plugins
from benchmark.core.images import LabeledImages
from benchmark.datasets.chest_phantom import ChestPhantom
from benchmark.models.training.weights import save_weights
from benchmark.one_call.report import Report
from benchmark.run import RunRequest, execute, prepare
from leaderboard.publish import publish
from tests.one_call.networks import NoiseOfOneCall, OneLogit, one_logit

SUITE = """
name = "own"
title = "Own"
[data]
name = "chest-phantom"
size = 28
count = 160
[classifier]
name = "module"
factory = "tests.one_call.networks:one_logit"
weights = "{weights}"
[evaluation]
replicates = 2
[defense.{defense}]
[robustness]
epsilon = "1/255"
probes = 4
diagnoses = 4
eot_samples = 2
[robustness.attack.pgd]
steps = 4
[robustness.attack.square]
queries = 8
"""
ATTACKS = (PGD(steps=4), Square(queries=8))
SMALL: dict[str, Any] = {"attacks": ATTACKS, "probes": 4, "replicates": 2, "eot_samples": 2, "device": "cpu"}


@pytest.mark.parametrize("defense", ["none", "noise-of-one-call"])
def test_its_numbers_are_those_of_a_suite_to_the_last_bit(defense: str, tmp_path: Path) -> None:
    network = one_logit()
    save_weights(network.state_dict(), tmp_path / "own.safetensors")
    suite = tmp_path / "own.toml"
    suite.write_text(SUITE.format(weights=tmp_path / "own.safetensors", defense=defense))
    load_plugins()
    execute(prepare(RunRequest(str(suite), out=tmp_path / "run", device="cpu")), publish)
    data = ChestPhantom(size=28, count=160).load(root=None)
    report = evaluate(network, data.evaluation, validation=data.validation, defense=defense, epsilon="1/255", **SMALL)
    ours, theirs = (pd.read_csv(folder / "rows.csv") for folder in (report.folder, tmp_path / "run"))
    assert 0 < theirs["robust"].min() < theirs["robust"].max() <= 1
    # One names the classes of its data, the other numbers them.
    named = ["title", "phantom", "defense"]
    pd.testing.assert_frame_equal(ours.drop(columns=named), theirs.drop(columns=named), check_exact=True)
    ours, theirs = (pd.read_parquet(folder / "samples.parquet") for folder in (report.folder, tmp_path / "run"))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def given(count: int = 24, seed: int = 0) -> tuple[nn.Module, Tensor, Tensor]:
    network = one_logit()
    x = torch.randint(0, 256, (count, 1, 28, 28), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    with torch.no_grad():
        return network, x, (network(x.float() / 255) > 0).long()[:, 0]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    network, x, y = given()
    y[0] = 1 - y[0]
    network.train()
    found = evaluate(network, x, y, out=tmp_path_factory.mktemp("out"), classes=("healthy", "<b>ill</b>"), **SMALL)
    assert network.training
    return found


def test_a_report_has_what_its_names_say(report: Report) -> None:
    _, x, _ = given()
    table = report.table.set_index("attack")["robust"]
    assert report.clean_accuracy is not None
    assert report.worst_case is not None
    assert table["clean"] == report.clean_accuracy.value == 23 / 24
    assert table["worst case"] == report.worst_case.value <= min(table["pgd"], table["square"])
    assert torch.equal(report.clean, x.float() / 255)
    for attack, images in report.adversarial.items():
        assert torch.equal(images[0], report.clean[0])
        assert 0.5 / 255 < float((images - report.clean).abs().max()) <= 8.001 / 255
        rows = report.samples[(report.samples["attack"] == attack) & (report.samples["table"] == "robustness")]
        with torch.no_grad():
            decided = (one_logit()(images) > 0).long()[:, 0]
        assert decided.tolist() == rows["adversarial_prediction"].tolist()
    assert "8/255" in report.threat_model
    assert "memorised_images" in {flag.id for flag in report.flags}


def test_it_says_what_it_is_about_and_what_it_lacks(report: Report) -> None:
    assert report.status == "incomplete"
    assert any("no validation images" in remark for remark in report.remarks)
    assert any("on the margin" in remark for remark in report.remarks)
    said = " ".join(report.notes)
    assert "tests.one_call.networks.OneLogit" in said
    assert f"{sum(p.numel() for p in one_logit().parameters()):,} parameters" in said
    assert "argmax" in said
    page = (report.folder / "leaderboard.md").read_text()
    assert "weights as a program handed them over" in page
    assert "decision by argmax, since there are no validation images" in page


def test_a_notebook_shows_it_with_everything_escaped(report: Report) -> None:
    shown = report._repr_html_()
    assert "worst case" in shown
    assert "<b>" not in shown
    assert shown.count("<td>") > 20


def test_saving_copies_the_run_and_overwrites_nothing(report: Report, tmp_path: Path) -> None:
    saved = report.save(tmp_path / "mine")
    assert (saved / "rows.csv").read_bytes() == (report.folder / "rows.csv").read_bytes()
    with pytest.raises(UserError, match="already"):
        report.save(saved)


def test_the_same_call_into_the_same_folder_computes_nothing_anew(report: Report) -> None:
    before = {path: path.stat().st_mtime_ns for path in (report.folder / "steps").rglob("record.json")}
    network, x, y = given()
    y[0] = 1 - y[0]
    # A DataLoader of the same images, as floats.
    loader = DataLoader(TensorDataset(x.float() / 255, y), batch_size=10)
    again = evaluate(network, loader, out=report.folder, classes=("healthy", "<b>ill</b>"), **SMALL)
    assert {path: path.stat().st_mtime_ns for path in (report.folder / "steps").rglob("record.json")} == before
    pd.testing.assert_frame_equal(again.table, report.table)
    with torch.no_grad():
        network.head.bias += 1  # type: ignore[union-attr, operator]
    evaluate(network, x, y, out=report.folder, **{**SMALL, "attacks": "fgsm"})
    assert len([*(report.folder / "steps").rglob("record.json")]) > len(before)


def test_a_class_that_no_other_process_can_import_goes_with_its_code() -> None:
    class Local(OneLogit):
        def forward(self, x: Tensor) -> Tensor:
            return -super().forward(x)

    _, x, y = given(16)
    local = Local()
    local.load_state_dict(one_logit().state_dict())
    found = evaluate(local, x, 1 - y, **{**SMALL, "attacks": "fgsm", "probes": 0})
    assert found.clean_accuracy is not None
    assert found.clean_accuracy.value == 1


class Outside(OneLogit):
    """Rests on what no copy has."""

    seen: int = 0

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.where_it_lies

    @property
    def where_it_lies(self) -> float:
        return float(id(self) % 1000)


class Random(OneLogit):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.randn(len(x), 1)


class Sure(OneLogit):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).sigmoid()


class Holding(OneLogit):
    def __init__(self) -> None:
        super().__init__()
        self.lock = Lock()


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"epsilon": 8}, "allows more", "8/255"),
    ({"norm": "linfty"}, "linfty", ""),
    ({"norm": "l0"}, "cannot respect", "another attack"),
    ({"attacks": "pdg"}, "unknown attack 'pdg'", "pgd"),
    ({"attacks": ()}, "no attack", "pgd"),
    ({"attacks": "uap"}, "learns from training images", "train="),
    ({"attacks": "transfer"}, "attacker's own", "suite"),
    ({"defense": "jepg"}, "unknown defense", "jpeg"),
    ({"defense": "adversarial-training"}, "learns from training images", "train="),
    ({"labels": [2] * 16}, "0 … 1", "logits"),
    ({"labels": None}, "without labels", "DataLoader"),
    ({"labels": [0] * 15}, "15 labels for 16 images", "one label"),
    ({"images": [1, 2, 3], "labels": None}, "not pairs", "(image, label)"),
    ({"images": 3, "labels": None}, "holds no images", "tensor"),
    ({"classes": ("a", "b", "c")}, "2 classes", "2 different names"),
    ({"groups": ["p"]}, "1 groups", "one an image"),
    ({"ids": ["p"] * 16}, "1 of them different", "all different"),
    ({"validation": given(16)[1:]}, "16 of its images are among", "other images"),
    ({"validation": (torch.zeros(2, 1, 30, 30), [0, 1])}, "[1, 30, 30]", "one size"),
    ({"device": "tpu"}, "no device", "cuda"),
    ({"batch_size": 0}, "not a batch size", "whole number"),
    ({"model": Outside()}, "a copy of the network answers otherwise", "attributes"),
    ({"model": Random()}, "otherwise when it is asked again", "defense"),
    ({"model": Sure()}, "probabilities", "sigmoid"),
    ({"model": Holding()}, "cannot be copied", "module"),
    ({"model": "resnet18"}, "no network", "torch.nn.Module"),
]


@pytest.mark.parametrize(("changed", "problem", "remedy"), WRONG, ids=lambda value: str(value)[:20])
def test_what_cannot_be_evaluated_is_refused_with_a_remedy(changed: dict[str, Any], problem: str, remedy: str) -> None:
    network, x, y = given(16)
    arguments: dict[str, Any] = {"model": network, "images": x, "labels": y, "attacks": "fgsm", "probes": 0} | changed
    with pytest.raises(UserError) as caught:
        evaluate(arguments.pop("model"), arguments.pop("images"), arguments.pop("labels"), **arguments)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


def test_images_that_no_file_can_hold_are_rounded_and_it_says_so() -> None:
    from benchmark.one_call.images import as_split, image_data

    _, x, y = given(16)
    exact, between = (as_split(x.float() / 255 + by / 255, y, name="evaluation") for by in (0, 0.0))
    assert isinstance(exact.images, LabeledImages)
    assert torch.equal(exact.images.pixels, x)
    assert image_data(exact, None, None, classes=("a", "b"), notes=()).notes == ()
    between = as_split((x.float() / 255 + 0.4 / 255).clamp(0, 1), y, name="evaluation")
    assert torch.equal(between.images.pixels, x)
    assert "0.4/255" in image_data(between, None, None, classes=("a", "b"), notes=()).notes[0]


def test_the_defense_of_a_call_may_be_an_object() -> None:
    network, x, y = given(16)
    found = evaluate(network, x, y, defense=NoiseOfOneCall(level=0.5), **{**SMALL, "attacks": "fgsm", "probes": 0})
    assert "level=0.5" in found.row.description
