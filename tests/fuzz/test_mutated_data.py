"""Mutated archives and image folders: each gives images or one error, soon, in little memory, and nothing outside.

A limit on the memory of a child says more than a measurement: what wants gigabytes cannot have them.
"""

from __future__ import annotations

import io
import os
import resource
import shutil
import struct
import time
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from benchmark.core.errors import UserError
from benchmark.core.harmless import harmless
from benchmark.core.images import ImageData
from benchmark.datasets.base import Dataset
from benchmark.datasets.image_folder import ImageFolder
from benchmark.datasets.medmnist import PneumoniaMNIST
from benchmark.datasets.reading.decode import decode
from tests.fuzz.trials import Fuzz

SECONDS = 20.0
MEGABYTES = 1500
"""More than the interpreter has taken, for one load; a bomb of a few kilobytes asks for more."""

KEYS = tuple(f"{split}_{kind}" for split in ("train", "val", "test") for kind in ("images", "labels"))
Edit = tuple[str, Any]


@pytest.fixture
def bounded(tmp_path: Path) -> Any:
    """This process may take no more memory than it has, its libraries loaded, and a little."""
    assert loaded(PneumoniaMNIST(), tmp_path, within=600) is None
    (tmp_path / "image.png").write_bytes(picture("png", "L", 16))
    decode([tmp_path / "image.png"], size=16, channels=1)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEGABYTES * 2**20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


@cache
def members() -> dict[str, bytes]:
    rng = np.random.default_rng(1)
    images = {k: rng.integers(0, 256, (6, 28, 28), dtype=np.uint8) for k in KEYS if k.endswith("images")}
    labels = {k: np.array([[0], [1]] * 3, np.uint8) for k in KEYS if k.endswith("labels")}
    return {f"{key}.npy": npy(array) for key, array in {**images, **labels}.items()}


def header(shape: tuple[int, ...], descr: str, version: int) -> bytes:
    text = repr({"descr": descr, "fortran_order": version == 2, "shape": shape}).encode() + b"\n"
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text


ARRAYS: tuple[Callable[[], np.ndarray], ...] = (
    lambda: np.zeros((6, 28, 28), np.float64),
    lambda: np.zeros((6, 27, 28), np.uint8),
    lambda: np.zeros((0, 28, 28), np.uint8),
    lambda: np.zeros((6, 28, 28, 3), np.uint8),
    lambda: np.array(7, np.uint8),
    lambda: np.full((6, 1), 200, np.uint8),
    lambda: np.full((6, 1), -1, np.int8),
    lambda: np.array([[0], [1]] * 3, np.dtype(">u8")),
    lambda: np.array([[0], [1]] * 3, "M8[s]"),
    lambda: np.array([[0], [1]] * 3, bool),
    lambda: np.array([["a"], ["b"]] * 3),
    lambda: np.array([[Trap()]] * 6, dtype=object),
    lambda: np.zeros((6, 1), [("a", "u1"), ("b", "f8", (3,))]),
    lambda: np.asfortranarray(np.ones((6, 28, 28), np.uint8)),
    lambda: np.zeros((30_000, 28, 28), np.uint8),
)


class Trap:
    """Leaves a file where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("sprung"),)


def archive(edits: list[Edit], method: int) -> bytes:
    """An .npz file with these things done to it."""
    content = dict(members())
    raw: list[Edit] = []
    more: list[tuple[str, bytes]] = []
    for what, value in edits:
        key = f"{KEYS[value[0]]}.npy" if isinstance(value[0], int) else ""
        if what == "array":
            content[key] = npy(ARRAYS[value[1] % len(ARRAYS)]())
        elif what == "header":
            content[key] = header(*value[1]) + content.get(key, b"")[128:]
        elif what == "missing":
            content.pop(key, None)
        elif what == "bytes":
            content[key] = value[1]
        elif what == "member":
            more.append((value[1], value[2]))
        elif what == "twice":
            more.append((key, content.get(key, b"")))
        else:
            raw.append((what, value))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as written:
        for name, inner in [*content.items(), *more]:
            written.writestr(name, inner)
    return damaged(bytearray(file.getvalue()), raw)


def damaged(content: bytearray, edits: list[Edit]) -> bytes:
    for what, value in edits:
        if what == "flip" and content:
            content[int(value[0] * len(content)) % len(content)] ^= 1 << value[1]
        elif what == "cut":
            del content[int(value[0] * len(content)) :]
        elif what == "number" and content:
            at = int(value[0] * len(content)) % len(content)
            content[at : at + 4] = struct.pack("<I", value[1])
        elif what == "size":
            # The directory's word for the length of an entry, which the data need not keep.
            at = content.find(b"PK\x01\x02", int(value[0] * len(content)))
            if at >= 0:
                content[at + 20 + 4 * (value[1] & 1) : at + 24 + 4 * (value[1] & 1)] = struct.pack("<I", value[1])
        elif what == "prefix":
            content[:0] = value[1]
    return bytes(content)


KEY, PLACE = st.integers(0, 5), st.floats(0, 1, exclude_max=True)
NUMBER = st.sampled_from([0, 1, 6, 2**16, 2**31 - 1, 2**31, 2**32 - 1]) | st.integers(0, 2**32 - 1)
SHAPE = st.lists(st.sampled_from([-1, 0, 1, 2, 6, 28, 2**20, 2**31, 2**63, 10**30]), max_size=5).map(tuple)
DESCR = st.sampled_from(["|u1", "<u8", ">i2", "|O", "|V9", "<f4", "<U9", "<U500000000", "|S0", "M8[ns]", "x", ""])
NAME = st.sampled_from(["../../out.npy", "/tmp/out.npy", "a/b.npy", "\x1b[2J.npy", "train_images", "x" * 5000])
RAW = st.one_of(
    st.tuples(st.just("flip"), st.tuples(PLACE, st.integers(0, 7))),
    st.tuples(st.just("cut"), st.tuples(PLACE)),
    st.tuples(st.just("number"), st.tuples(PLACE, NUMBER)),
)
ARCHIVE_EDIT: st.SearchStrategy[Edit] = st.one_of(
    RAW,
    st.tuples(st.just("size"), st.tuples(PLACE, NUMBER)),
    st.tuples(st.just("prefix"), st.tuples(PLACE, st.binary(min_size=1, max_size=300))),
    st.tuples(st.just("array"), st.tuples(KEY, st.integers(0, len(ARRAYS) - 1))),
    st.tuples(st.just("header"), st.tuples(KEY, st.tuples(SHAPE, DESCR, st.sampled_from([1, 2, 3, 9])))),
    st.tuples(st.just("missing"), st.tuples(KEY)),
    st.tuples(st.just("twice"), st.tuples(KEY)),
    st.tuples(st.just("bytes"), st.tuples(KEY, st.binary(max_size=200))),
    st.tuples(st.just("member"), st.tuples(KEY, NAME, st.just(b"x"))),
)
METHOD = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])


def loaded(dataset: Dataset, root: Path, *, within: float = SECONDS) -> ImageData | None:
    """What it gives, as every trial must find it: sound images, or an error of two harmless lines, and soon."""
    began, around = time.monotonic(), sorted(os.listdir(root.parent))
    data: ImageData | None = None
    try:
        data = dataset.load(root=root, download=False)
    except UserError as error:
        refusal = error
        text = str(refusal)
    else:
        refusal, text = None, ""
    text.encode()
    assert harmless(text) == text
    assert len(text.splitlines()) <= 2
    assert len(text) < 20_000
    assert refusal is None or refusal.where
    assert time.monotonic() - began < within
    assert sorted(os.listdir(root.parent)) == around
    if data is not None:
        for images in (data.train, data.validation, data.evaluation):
            assert images.pixels.dtype.itemsize == 1
            assert len(images.pixels) == len(images.labels) == len(images.ids) > 0
            assert 0 <= int(images.labels.min()) <= int(images.labels.max()) < len(data.classes)
    return data


def assert_both(found: dict[str, int], done: int) -> None:
    """Some trials must leave the data as good as they were, and most must not."""
    print(f"{done} trials: {found}")
    assert done <= found["images"] + found["error"]
    assert found["images"] > 0
    assert found["error"] > done // 4


@pytest.mark.filterwarnings("ignore")
def test_any_archive_gives_images_or_one_error(
    fuzz: Fuzz, bounded: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "above" / "root"
    root.mkdir(parents=True)
    monkeypatch.chdir(root)
    found = {"images": 0, "error": 0}

    def trial(drawn: tuple[list[Edit], int]) -> None:
        (root / "pneumoniamnist.npz").write_bytes(archive(*drawn))
        found["images" if loaded(PneumoniaMNIST(), root) else "error"] += 1
        assert os.listdir(root) == ["pneumoniamnist.npz"], "nothing is unpacked, no trap sprung"

    done = fuzz(trial, st.tuples(st.lists(ARCHIVE_EDIT, min_size=1, max_size=3), METHOD), trials=300)
    assert_both(found, done)


@cache
def picture(suffix: str, mode: str, side: int) -> bytes:
    content = io.BytesIO()
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(content, suffix)
    return content.getvalue()


def odd(path: Path, what: str, value: Any) -> None:
    """Something else than an image where one should be."""
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "link":
        path.symlink_to(value)
    else:
        suffix, mode, edits = value
        path.write_bytes(damaged(bytearray(picture(suffix, mode, 24)), edits))


MODES = {"png": ("L", "RGB", "RGBA", "P", "1", "I;16"), "jpeg": ("L", "RGB", "CMYK"), "tiff": ("L", "RGB", "F", "CMYK")}
MODES |= {"bmp": ("L", "RGB", "1"), "webp": ("RGB", "RGBA"), "gif": ("L",), "eps": ("RGB",), "ico": ("RGB",)}
PICTURE = st.sampled_from([(s, m) for s, modes in MODES.items() for m in modes]).flatmap(
    lambda kind: st.tuples(st.just(kind[0]), st.just(kind[1]), st.lists(RAW, max_size=4))
)
FILE_NAME = st.sampled_from(
    [b"z.png", b"z.JPG", b"z.tif", b"\xff.png", b"\x1b[2J.bmp", b"a\nb.webp", b"x" * 250 + b".png"]
)
ODD = st.one_of(
    st.tuples(st.just("file"), PICTURE),
    st.tuples(st.just("file"), PICTURE),
    st.tuples(st.just("pipe"), st.none()),
    st.tuples(st.just("folder"), st.none()),
    st.tuples(
        st.just("link"), st.sampled_from([".", "..", "z.png", "nowhere", "/dev/zero", "/dev/full", "/proc/self/mem"])
    ),
)
FOLDER_NAME = st.sampled_from([b"a", b"b", b"c", b"train", b"val", b"\xe9", b"\x9b2J", b"a\nb"])
TROUBLE = st.tuples(FOLDER_NAME, FILE_NAME, ODD)


@pytest.mark.filterwarnings("ignore")
def test_any_folder_gives_images_or_one_error(
    fuzz: Fuzz, bounded: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "above" / "root"
    mine = os.fsencode(root / "mine")
    found = {"images": 0, "error": 0}

    def trial(troubles: list[tuple[bytes, bytes, tuple[str, Any]]]) -> None:
        shutil.rmtree(root, ignore_errors=True)
        for name in ("a", "b"):
            (root / "mine" / name).mkdir(parents=True)
            for number in range(8):
                path = root / "mine" / name / f"{number}.png"
                path.write_bytes(picture("png", "L", 17 + number + 8 * (name == "b")))
        for folder, name, (what, value) in troubles:
            with_name = os.path.join(mine, folder, name)
            os.makedirs(os.path.dirname(with_name), exist_ok=True)
            if not os.path.lexists(with_name):
                odd(Path(os.fsdecode(with_name)), what, value)
        before = sorted(p for p in root.rglob("*"))
        found["images" if loaded(ImageFolder(path="mine", size=16), root) else "error"] += 1
        assert sorted(p for p in root.rglob("*")) == before

    done = fuzz(trial, st.lists(TROUBLE, min_size=1, max_size=3), trials=300)
    assert_both(found, done)
