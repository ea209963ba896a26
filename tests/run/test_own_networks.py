"""A network of the user's own: whose weights it has, what is said of it, and that it is left as it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from benchmark.__main__ import main
from benchmark.core.errors import UserError
from benchmark.core.exit_status import ExitStatus
from benchmark.records.store import Store
from benchmark.run import PreparedRun, RunRequest, prepare
from benchmark.steps.context import fingerprint
from tests.run.own_folder import NETWORKS, SUITE, draw_folder


@pytest.fixture(autouse=True)
def own(tmp_path: Path, plugins: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "own_networks.py").write_text(NETWORKS)
    draw_folder(tmp_path / "images")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("own_networks", None)


@pytest.fixture
def suite(tmp_path: Path) -> Callable[..., Path]:
    def write(old: str = "", new: str = "") -> Path:
        text = SUITE.format(folder=tmp_path / "images")
        assert old in text
        path = tmp_path / "suites" / "own.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace(old, new) if old else text)
        return path

    return write


def _plan(path: Path) -> PreparedRun:
    return prepare(RunRequest(str(path)))


def test_a_network_with_its_own_weights_is_measured_untouched_and_named(
    suite: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from own_networks import build  # type: ignore[import-not-found]

    path = suite("train = false", "train = false\nthreshold = 0.3\n[classifier.arguments]\nslope = 30.0")
    assert main(["run", "--suite", str(path), "--out", str(tmp_path / "run")]) == ExitStatus.DONE
    assert "accuracy 100.0 %" in capsys.readouterr().err
    record = Store(tmp_path / "run").manifest()
    assert record.classifier.weights == fingerprint(build(slope=30.0))
    assert record.classifier.parameters == 1
    assert not record.classifier.trained
    thresholds = {c.threat.operating_threshold for c in record.cells if c.threat is not None}
    assert [t for t in thresholds if t is not None] == [pytest.approx(0.3)]
    board = (tmp_path / "run" / "leaderboard.md").read_text()
    assert "made by own_networks:build" in board
    assert record.classifier.weights[:16] in board
    assert "not trained here; operating threshold given" in board


@pytest.mark.parametrize("said", ["", 'outputs = "sigmoid"\narguments.sigmoid = true'])
def test_one_head_of_many_is_the_network_of_a_run(said: str, suite: Callable[..., Path], tmp_path: Path) -> None:
    path = suite('build"\ntrain = false', f'Findings"\ntrain = false\nhead = "Sick"\n{said}')
    assert main(["run", "--suite", str(path), "--out", str(tmp_path / "run")]) == ExitStatus.DONE
    record = Store(tmp_path / "run").manifest()
    assert record.classifier.validation is not None
    assert (record.classifier.validation.accuracy, record.classifier.doubt) == (1.0, "")
    # What the one attack leaves is the same however the log-odds came to be.
    assert {c.status for c in record.cells} == {"done"}


@pytest.mark.parametrize("classes", [1, 2])
def test_a_checkpoint_beside_the_suite_is_used(classes: int, suite: Callable[..., Path], tmp_path: Path) -> None:
    from own_networks import build

    path = suite("train = false", f'weights = "own.pth"\n[classifier.arguments]\noutputs = {classes}')
    network = build(slope=17.0, outputs=classes)
    torch.save({"state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, path.parent / "own.pth")
    rehearsal = _plan(path).plan.rehearsal
    assert rehearsal is not None
    assert rehearsal.weights == fingerprint(network)


def test_other_weights_that_the_factory_loads_by_itself_are_another_result(
    suite: Callable[..., Path], tmp_path: Path
) -> None:
    from own_networks import build

    path, keys = suite("own_networks:build", "own_networks:loads_its_own"), []
    for slope in (17.0, 18.0, 18.0):
        torch.save(build(slope=slope).state_dict(), tmp_path / "own.pth")
        plan = _plan(path).plan
        assert plan.train is not None
        keys.append(plan.train.key)
    assert keys[0] != keys[1]
    assert keys[1] == keys[2]


@pytest.mark.parametrize(
    ("old", "new", "problem", "remedy"),
    [
        ("train = false", "", "nor whether to train it", "train = false"),
        ("train = false", 'weights = "absent.pth"', "no such weights file", "check the path"),
        ("train = false", 'weights = "other.pth"', "do not fit the network: slope is missing", "architecture"),
        ("train = false", 'weights = "whole.pth"', "runs code when it is read", "network.state_dict()"),
        ("train = false", 'weights = "cut.pth"', "damaged, cut short", "left as it is"),
        ("train = false", 'weights = "numbers.pth"', "holds no state dict", "state_dict()"),
        ("own_networks:build", "own_networks:sigmoid", "gives probabilities", "final softmax or sigmoid"),
        ("train = false", 'train = false\noutputs = "sigmoid"', "outputs = 'sigmoid', and the network gave -", "final"),
        ("train = false", 'train = false\noutputs = "sigmod"', "outputs = 'sigmod'", '"sigmoid" or "softmax"'),
        ("train = false", "train = false\nhead = 1", "head = 1, and the network gave outputs of shape (2,)", "from 0"),
        ('build"\ntrain = false', 'Findings"\ntrain = false', "outputs of shape (2, 3)", "[B, 2]"),
        ('build"\ntrain = false', 'Findings"\ntrain = false\nhead = "Sik"', "0 outputs called 'Sik'", "Sick"),
        (
            'build"\ntrain = false',
            'Findings"\ntrain = false\nhead = 1\narguments.sigmoid = true',
            "gives probabilities",
            "final softmax or sigmoid",
        ),
        ("train = false", "train = false\nthreshold = 1.5", "threshold = 1.5", "from"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(
    old: str, new: str, problem: str, remedy: str, suite: Callable[..., Path]
) -> None:
    from own_networks import build

    path = suite(old, new)
    torch.save({"weight": torch.zeros(3)}, path.parent / "other.pth")
    torch.save(build(), path.parent / "whole.pth")
    torch.save([1, 2, 3], path.parent / "numbers.pth")
    (path.parent / "cut.pth").write_bytes((path.parent / "whole.pth").read_bytes()[:100])
    with pytest.raises(UserError) as caught:
        _plan(path)
    assert problem in str(caught.value)
    assert remedy in caught.value.remedy
    assert "delete" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("/images", "/imagse", "no such folder"),
        ("train = false", 'weights = "other.pth"', "do not fit the network: slope is missing"),
    ],
)
@pytest.mark.parametrize("more", [["--dry-run"], []])
def test_a_refusal_is_one_error_said_once_and_nothing_is_written(
    old: str, new: str, problem: str, more: list[str], suite: Callable[..., Path], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = suite(old, new)
    torch.save({"weight": torch.zeros(3)}, path.parent / "other.pth")
    assert main(["run", "--suite", str(path), "--out", str(tmp_path / "run"), *more]) == ExitStatus.REFUSED
    told = capsys.readouterr()
    said = " ".join((told.out + told.err).split())
    assert said.count(problem) == 1
    assert "hantom" not in said
    assert not (tmp_path / "run").exists()


def test_a_network_whose_classes_are_in_another_order_is_doubted_before_the_run_and_on_the_board(
    suite: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "images" / "train" / "sick" / "000.png"
    (tmp_path / "images" / "test" / "sick" / "copy.png").write_bytes(copied.read_bytes())
    path = suite("train = false", "train = false\n[classifier.arguments]\nslope = -20.0")
    assert main(["run", "--suite", str(path), "--dry-run"]) == ExitStatus.DONE
    assert "warning: the network is no better than chance" in capsys.readouterr().err
    main(["run", "--suite", str(path), "--out", str(tmp_path / "run")])
    pages = ("leaderboard.md", "leaderboard/reliability.md")
    board = "".join((tmp_path / "run" / page).read_text() for page in pages)
    assert board.count("is the order of the classes the one that it was trained with? the normalisation?") == 2
    assert "AUROC 0.000" in board
    _, _, against = board.partition("What stands against rows")
    assert "1 image stands in both train and evaluation" in against
