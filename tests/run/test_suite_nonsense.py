"""Suites that say what makes no sense: each is refused with one error, before any work."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.core.errors import UserError
from benchmark.planning.plan import Selection
from benchmark.run import RunRequest, prepare
from benchmark.suites.suite import read_suite

LONG = "x" * 65
ATTACK = "[robustness.attack.{}]\nmethod = 'pgd'\n"
PAIR = "".join(f"[detection.attack.{label}]\nmethod = 'bim'\ntrained_on = '{{}}'\n" for label in "ab")
TRANSFER = "[transfer]\nepsilon = '8/255'\ndefenses = ['jpg']\n[transfer.classifier.x]\nname = 'small-cnn'\nseed = 1\n"
PLAIN = ("''", "'*'", "'a[b]'", "'a/b'", "'..'", "'worst case'", "' x'", "'x '", "'\\'", "'PGD'", "'a|b'", "'<b>'")
LABELS = [
    *(ATTACK.format(label) for label in (*PLAIN, "CLEAN", "probe", "none", "diagnosis", LONG)),
    "[robustness.attack.\"a\\u001bb\"]\nmethod = 'pgd'\n",
    "[robustness.attack.\"a\\u202eb\"]\nmethod = 'pgd'\n",
    "[defense.'*']\nmethod = 'jpeg'\n",
    "[defense.JPEG]\nmethod = 'jpeg'\n",
    "[defense.None]\nmethod = 'jpeg'\n",
    "[detector.none]\nmethod = 'kd'\n",
    "[detector.KD]\nmethod = 'kd'\n",
    "[detection.attack.'worst case']\nmethod = 'bim'\n",
]


@pytest.mark.parametrize("added", LABELS)
def test_labels_that_stand_for_something_else(added: str, suite_file: Callable[..., Path]) -> None:
    with pytest.raises(UserError) as caught:
        prepare(RunRequest(str(suite_file(added))))
    assert caught.value.where.startswith("tiny.toml: ")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("added", "where", "remedy"),
    [
        (PAIR.format("b", "a"), "detection.attack.a.trained_on", "remove the key"),
        (PAIR.format("a", "bim"), "detection.attack.a.trained_on", "remove the key"),
        (PAIR.format("b", "bmi"), "detection.attack.b.trained_on", "did you mean 'bim'"),
        (ATTACK.format("x") + "trained_on = 'pgd'\n", "robustness.attack.x.trained_on", "[detection.attack."),
        (ATTACK.format("x") + "defenses = []\n", "robustness.attack.x.defenses", '"*"'),
        (ATTACK.format("x") + "defenses = ['nnoe']\n", "robustness.attack.x.defenses", "did you mean 'none'"),
        (ATTACK.format("x") + "defenses = ['none', 'ebm']\n", "robustness.attack.x.defenses", "known"),
        (ATTACK.format("x") + "enabled = 1\n", "robustness.attack.x.enabled", "true or false"),
        (ATTACK.format("x") + "step_size = '17/255'\n", "robustness.attack.x.step_size", "twice the radius"),
        (ATTACK.format("x") + "epsilon = 8\n", "robustness.attack.x.epsilon", 'did you mean "8/255"'),
        (ATTACK.format("x") + "epsilon = 1e308\n", "robustness.attack.x.epsilon", "1 or less"),
        (ATTACK.format("x") + "eot_samples = 1001\n", "robustness.attack.x.eot_samples", "from 1 to 1,000"),
        (ATTACK.format("x") + "when = 2020-01-01\n", "robustness.attack.x.when", "remove it"),
        (ATTACK.format("x") + "steps = 0xffffffffffffffffffff\n", "robustness.attack.x.steps", "smaller"),
        ("[robustness.attack.m]\nmethod = 'apgd'\nloss = 'mragin'\n", "robustness.attack.m", '"margin"'),
        ("[defense.e]\nmethod = 'ebm'\ndata_noise = 0.01\n", "defense.e", "correct"),
        ("[defense.a]\nmethod = 'adversarial-training'\nstep_size = '17/255'\n", "defense.a", "twice the radius"),
        ("[defense.a]\nmethod = 'adversarial-training'\nepsilon = 8\n", "defense.a", 'did you mean "8/255"'),
        (
            TRANSFER,
            "transfer.defenses",
            "did you mean 'jpeg'",
        ),
    ],
)
def test_what_does_not_go_together(added: str, where: str, remedy: str, suite_file: Callable[..., Path]) -> None:
    with pytest.raises(UserError) as caught:
        prepare(RunRequest(str(suite_file(added))))
    assert caught.value.where.startswith(f"tiny.toml: {where}")
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("epochs = 2", "width = 4096", "classifier"),
        ('name = "small-cnn"\nepochs = 2', 'name = "wide-resnet"\ndepth = 994\nwidth = 4096', "classifier"),
        ('name = "small-cnn"\nepochs = 2', 'name = "wide-resnet"\ndepth = 17', "classifier"),
        ("size = 28\ncount = 400", "size = 512\ncount = 1000000", "data"),
        ("size = 28", "size = true", "data"),
        ("[detection]", "[detection]\ndefenses = ['nope']", "detection.defenses"),
        ("[detection]", "[detection]\ndefenses = []", "detection.defenses"),
        ('name = "tiny"', 'name = "../../tiny"', "name"),
        ('name = "tiny"', 'name = ""', "name"),
        ('name = "tiny"', 'name = "tiny"\ndefenses = []', "defenses"),
        ("replicates = 2", "replicates = 1000000", "evaluation.replicates"),
        ("samples = 40", "samples = 'some'", "evaluation.samples"),
        ("samples = 40", "samples = 4.0", "evaluation.samples"),
    ],
)
def test_wrong_values_of_tables_and_whole_networks(
    old: str, new: str, where: str, suite_file: Callable[..., Path]
) -> None:
    path = suite_file()
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        prepare(RunRequest(str(path)))
    assert caught.value.where.startswith(f"tiny.toml: {where}")
    assert caught.value.remedy


def test_a_table_that_this_run_leaves_out_is_checked_too(suite_file: Callable[..., Path]) -> None:
    path = suite_file("[defense.q]\nmethod = 'jpeg'\nquality = -1\n")
    with pytest.raises(UserError, match="quality = -1"):
        prepare(RunRequest(str(path), selection=Selection(defenses=("none",))))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a = " + b"[" * 5000 + b"]" * 5000, "within more than"),
        (b"a = " + b"{ a = " * 3000 + b"1" + b" }" * 3000, "within more than"),
        (b"a." * 500000 + b"a = 1", "within more than"),
        (b"[" + b'"a" . ' * 100000 + b"a]", "within more than"),
        (b"seed = " + b"9" * 5000, "not TOML"),
        (b"title = '" + b"x" * 5000 + b"'", "5,000 characters"),
        (b"#" * (2**20 + 1), "more than 1,048,576 bytes"),
        ("title = 'Größe'".encode("latin-1"), "not TOML"),
        ("title = 'x'".encode("utf-16"), "not TOML"),
        (b"title = 'x'\ntitle = 'y'\n", "Cannot overwrite"),
        (b"title = '\x00'", "not TOML"),
        (b'title = "\\u001b[2J"', "cannot be seen"),
        (b"profile = 3\n", "profiles are tables"),
        (b"profile.quick = 3\n", "profiles are tables"),
    ],
)
def test_files_that_no_suite_is_written_in(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        read_suite(str(path))
    assert len(str(caught.value)) < 1000


def test_a_byte_order_mark_means_nothing(suite_file: Callable[..., Path]) -> None:
    path = suite_file()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_suite(str(path))[0].name == "tiny"


@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "absent"])
def test_what_is_no_file_is_refused_unopened(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    with pytest.raises(UserError, match=r"no regular file|no such file"):
        read_suite(str(path))


@pytest.mark.parametrize(
    ("selection", "old", "new"),
    [
        (Selection(defenses=("jpeg",), attacks=("bim",)), "", ""),
        (Selection(), "[defense.none]\n[defense.jpeg]", "[defense.none]\nenabled = false"),
        (Selection(), "robustness.attack.", "profile.large.robustness.attack."),
    ],
)
def test_a_run_that_would_attack_nothing_is_refused(
    selection: Selection, old: str, new: str, suite_file: Callable[..., Path]
) -> None:
    path = suite_file()
    text = path.read_text(encoding="utf-8").replace(old, new)
    if "profile" in new:
        text = (
            text[: text.index("[detection]")].replace("probes = 4", "probes = 0\ndiagnoses = 0") + "[profile.quick]\n"
        )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"attacks? nothing|no defense is enabled"):
        prepare(RunRequest(str(path), selection=selection))
