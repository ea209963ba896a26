"""What is no file, no folder, or may not be read is named at once: never waited for, never taken for missing data."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmark.core.discovery import load_plugins
from benchmark.core.errors import UserError
from benchmark.datasets.aptos2019 import read_grades
from benchmark.datasets.base import DataMissingError
from benchmark.datasets.image_folder import ImageFolder
from benchmark.datasets.loading.resolve import resolve_data
from benchmark.datasets.medmnist import PneumoniaMNIST
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
Make = Callable[[Path], None]


def a_named_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    # A socket's own address may only be short.
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_folder(path: Path) -> None:
    path.mkdir()


def a_circle(path: Path) -> None:
    path.symlink_to(path.name)


def a_broken_link(path: Path) -> None:
    path.symlink_to("nowhere")


ODD = {
    a_named_pipe: "is a named pipe, not a file",
    a_socket: "is a socket, not a file",
    a_device: "is a device, not a file",
    a_folder: "is a folder, not a file",
    a_circle: "is a circle of links",
    a_broken_link: "is a link to 'nowhere', where nothing is",
}


@pytest.mark.parametrize("make", ODD)
def test_odd_thing_in_place_of_the_archive(make: Make, tmp_path: Path) -> None:
    make(tmp_path / "pneumoniamnist.npz")
    with pytest.raises(UserError, match=ODD[make]) as caught:
        PneumoniaMNIST().load(root=tmp_path)
    assert not isinstance(caught.value, DataMissingError)
    assert caught.value.where == str(tmp_path / "pneumoniamnist.npz")
    assert "delete" not in caught.value.remedy


@pytest.mark.parametrize("make", ODD)
def test_odd_thing_in_place_of_a_table(make: Make, tmp_path: Path) -> None:
    make(tmp_path / "train.csv")
    with pytest.raises(UserError, match=ODD[make]):
        read_grades(tmp_path / "train.csv")


@pytest.fixture
def folder(tmp_path: Path, draw_image: Callable[..., Path]) -> Path:
    for name in ("a", "b"):
        for number in range(12):
            draw_image(tmp_path / "mine" / name / f"{number}.png", number)
    return tmp_path / "mine"


@pytest.mark.parametrize("make", ODD)
def test_odd_thing_in_place_of_an_image(make: Make, folder: Path) -> None:
    make(folder / "a" / "z.png")
    with pytest.raises(UserError, match=ODD[make]) as caught:
        ImageFolder(path="mine", size=16).load(root=folder.parent)
    assert caught.value.where == str(folder / "a" / "z.png")


@pytest.mark.parametrize("make", [a_circle, a_broken_link])
def test_a_class_whose_link_leads_nowhere_is_not_left_out(make: Make, folder: Path) -> None:
    make(folder / "c")
    with pytest.raises(UserError, match=ODD[make]):
        ImageFolder(path="mine", size=16).load(root=folder.parent)


def a_file(path: Path) -> None:
    path.write_text("in the way")


@pytest.mark.parametrize("make", [a_file, a_named_pipe, a_device, a_circle, a_broken_link])
@pytest.mark.parametrize("place", ["", "mine", "mine/train", "root", "root/mine", "root/chest_xray"])
def test_what_stands_in_the_way_of_the_data_is_not_missing_data(make: Make, place: str, tmp_path: Path) -> None:
    """With a root that is a file, or an image folder that is one, the phantom stood in."""
    root = tmp_path / "root"
    (root if place.startswith("root/") else tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    root = root if place else tmp_path / "file"
    if place.startswith("root/"):
        root.mkdir()
    target = tmp_path / place if place.startswith("root") else root / place if place else root
    target.parent.mkdir(parents=True, exist_ok=True)
    make(target)
    load_plugins(kinds=["dataset"])
    dataset = "kaggle-chest-xray" if place.endswith("xray") else "image-folder"
    with pytest.raises(UserError) as caught:
        resolve_data(
            "auto",
            dataset=dataset,
            settings={"path": "mine"} if dataset == "image-folder" else {},
            root=root,
            fallback_phantom=True,
            where="suite.toml",
        )
    assert not isinstance(caught.value, DataMissingError)
    assert str(target) in caught.value.where
    assert "\n" not in caught.value.problem


def test_every_broken_image_is_named_at_once(folder: Path) -> None:
    for split in ("train", "test"):
        for name in ("a", "b"):
            (folder / split / name).mkdir(parents=True)
            for image in (folder / name).iterdir():
                (folder / split / name / image.name).write_bytes(image.read_bytes())
    (folder / "train" / "a" / "3.png").write_bytes(b"")
    (folder / "train" / "b" / "5.png").write_bytes(b"GIF89a")
    os.mkfifo(folder / "test" / "a" / "z.png")
    (folder / "test" / "b" / "7.png").write_bytes((folder / "a" / "7.png").read_bytes()[:100])
    with pytest.raises(UserError, match="4 of 49 images cannot be used") as caught:
        ImageFolder(path="mine", size=16).load(root=folder.parent)
    for name in ("train/a/3.png", "train/b/5.png", "test/a/z.png", "test/b/7.png"):
        assert name in caught.value.problem
    assert caught.value.where == str(folder)


def test_thousands_of_broken_images_are_counted(folder: Path) -> None:
    for number in range(500):
        (folder / "b" / f"broken{number}.png").write_bytes(b"nothing")
    with pytest.raises(UserError, match="500 of 524 images cannot be used") as caught:
        ImageFolder(path="mine", size=16).load(root=folder.parent)
    assert "and 480 more" in caught.value.problem
    assert len(str(caught.value)) < 2000


def odd_name(folder: Path, name: bytes) -> bytes:
    return os.fsencode(folder) + b"/" + name


@pytest.mark.skipif(sys.platform == "darwin", reason="its file system takes no other names")
def test_names_that_are_not_utf8_are_refused_in_words(folder: Path) -> None:
    os.rename(folder / "a" / "1.png", odd_name(folder / "a", b"\xff\xfe.png"))
    os.rename(folder / "a" / "2.png", odd_name(folder / "a", b"\xe9.png"))
    with pytest.raises(UserError, match=r"and 1 more is not UTF-8") as caught:
        ImageFolder(path="mine", size=16).load(root=folder.parent)
    str(caught.value).encode()
    os.rename(folder / "b", odd_name(folder, b"\xe9"))
    with pytest.raises(UserError, match=r"'\\udce9' is not UTF-8"):
        ImageFolder(path="mine", size=16).load(root=folder.parent)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file system takes no other names")
def test_a_folder_whose_name_is_not_utf8_is_read(folder: Path) -> None:
    os.rename(folder, odd_name(folder.parent, b"\xe9"))
    data = ImageFolder(path=os.fsdecode(b"\xe9"), size=16).load(root=folder.parent)
    assert len(data.train) + len(data.validation) + len(data.evaluation) == 24


DENIED = """
import ctypes, os, sys
from pathlib import Path
from benchmark.datasets.image_folder import ImageFolder
from benchmark.datasets.medmnist import PneumoniaMNIST
from benchmark.datasets.base import DataMissingError
from benchmark.core.errors import UserError
if os.getuid() == 0:
    libc = ctypes.CDLL(None, use_errno=True)
    nothing = (ctypes.c_uint32 * 6)()
    version_3 = (ctypes.c_uint32 * 2)(0x20080522, 0)
    assert libc.capset(version_3, nothing) == 0, os.strerror(ctypes.get_errno())
root = Path(sys.argv[1])
for dataset in (PneumoniaMNIST(), ImageFolder(path="mine"), ImageFolder(path="closed/mine")):
    try:
        dataset.load(root=root)
    except UserError as error:
        assert not isinstance(error, DataMissingError)
        print(error.where, "|", error.problem, "|", error.remedy)
"""


@pytest.mark.skipif(
    os.getuid() == 0 and not sys.platform.startswith("linux"),
    reason="only Linux lets root give up its right to any file",
)
def test_permission_denied_is_said_and_nothing_is_to_be_deleted(
    folder: Path, python: Callable[..., subprocess.CompletedProcess[str]], arrays: Callable[..., dict[str, np.ndarray]]
) -> None:
    root = folder.parent
    np.savez(root / "pneumoniamnist.npz", **arrays())
    closed = root / "closed"
    closed.mkdir()
    for path in (root / "pneumoniamnist.npz", folder / "a" / "3.png", folder / "b" / "4.png", closed):
        path.chmod(0)
    try:
        finished = python("-c", DENIED, str(root), path=(ROOT,))
    finally:
        closed.chmod(0o700)
    lines = [line for line in finished.stdout.splitlines() if " | " in line]
    assert len(lines) == 3, finished.stderr
    assert all("permission denied" in line and "delete" not in line for line in lines)
    assert lines[0].startswith(str(root / "pneumoniamnist.npz"))
    assert "2 of 24 images cannot be used" in lines[1]
    assert "closed" in lines[2]
