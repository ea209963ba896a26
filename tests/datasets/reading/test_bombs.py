"""Files that unpack to more than they should are refused by their headers, before memory is taken."""

from __future__ import annotations

import io
import struct
import subprocess
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.core.errors import UserError
from benchmark.datasets.medmnist import PneumoniaMNIST
from benchmark.datasets.reading.decode import decode
from benchmark.datasets.reading.opened import MOST_PIXELS
from tests.conftest import ROOT

Arrays = dict[str, np.ndarray]
LARGE = 2**27


def npy(shape: tuple[int, ...], descr: str = "|u1", *, content: bytes | None = None) -> bytes:
    """A header, with content that need not fit it."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + (content or b"")


def archive(path: Path, arrays: Arrays, replaced: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for key, array in arrays.items():
            stored = io.BytesIO()
            np.save(stored, array)
            file.writestr(f"{key}.npy", replaced.get(key, stored.getvalue()))
    return path


LOAD = """
import resource, sys, tracemalloc
from pathlib import Path
from benchmark.datasets.image_folder import ImageFolder
from benchmark.datasets.medmnist import PneumoniaMNIST
from benchmark.core.errors import UserError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    (PneumoniaMNIST() if sys.argv[2] == "npz" else ImageFolder(path="mine", size=16)).load(root=Path(sys.argv[1]))
except UserError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def loaded(python: Callable[..., subprocess.CompletedProcess[str]], root: Path, kind: str) -> tuple[str, int]:
    """What a process of its own says of the data, and by how many MB it grew."""
    answer = python("-c", LOAD, str(root), kind, path=(ROOT,))
    assert answer.returncode == 0, answer.stderr
    *words, grown = answer.stdout.splitlines()
    return " ".join(words), int(grown)


@pytest.mark.parametrize("labels", [False, True])
def test_an_archive_that_unpacks_to_a_thousand_times_itself_is_refused_by_its_headers(
    python: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
    arrays: Callable[..., Arrays],
    labels: bool,
) -> None:
    """4 MB of it took 4 GB and more than a minute before its shape was looked at."""
    count = LARGE // 784
    key = "train_labels" if labels else "train_images"
    shape = (LARGE, 1) if labels else (count, 28, 28)
    zeros = bytes(np.prod(shape))
    archive(tmp_path / "pneumoniamnist.npz", arrays(), {key: npy(shape, content=zeros)})
    del zeros
    assert (tmp_path / "pneumoniamnist.npz").stat().st_size < 2_000_000
    began = time.monotonic()
    words, grown = loaded(python, tmp_path, "npz")
    assert "to unpack to" in words
    assert "pneumoniamnist.npz" in words
    assert grown < 100
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("key", "content", "said"),
    [
        ("val_images", npy((2**40, 28, 28)), "not as long as that"),
        ("val_images", npy((23_425, 28, 28), content=np.random.default_rng(0).bytes(23_425 * 784)), "23,425 images"),
        ("val_images", npy((-1, 28, 28)), "not as long as that"),
        ("val_labels", npy((12, 1), "|O"), "Python objects"),
        ("val_labels", npy((12, 1), "|V1000000000"), "not as long as that"),
        ("val_images", npy((12, 28, 28), content=bytes(12 * 784) + b"more"), "not as long as that"),
        ("val_labels", npy((12, 1), "<U300000", content=bytes(12 * 1_200_000)), "labels are <U300000"),
        ("val_images", b"\x93NUMPY\x03\x00" + bytes(100), "version"),
        ("val_images", b"\x93NUMPY\x02\x00\xff\xff\xff\x7f" + bytes(100), "EOF"),
    ],
)
def test_headers_that_promise_anything_else_are_refused(
    tmp_path: Path, arrays: Callable[..., Arrays], key: str, content: bytes, said: str
) -> None:
    archive(tmp_path / "pneumoniamnist.npz", arrays(), {key: content}, zipfile.ZIP_STORED)
    with pytest.raises(UserError, match=said):
        PneumoniaMNIST().load(root=tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_only_what_numpy_writes_is_unpacked(tmp_path: Path, arrays: Callable[..., Arrays], method: int) -> None:
    archive(tmp_path / "pneumoniamnist.npz", arrays(), {}, method)
    with pytest.raises(UserError, match="compressed as numpy never does"):
        PneumoniaMNIST().load(root=tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_that_stands_in_the_archive_twice_is_refused(tmp_path: Path, arrays: Callable[..., Arrays]) -> None:
    path = archive(tmp_path / "pneumoniamnist.npz", arrays(), {})
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("val_labels.npy", npy((12, 1), content=bytes(12)))
    with pytest.raises(UserError, match="'val_labels' 2 times"):
        PneumoniaMNIST().load(root=tmp_path)


def test_a_directory_of_a_million_entries_is_not_read(tmp_path: Path, arrays: Callable[..., Arrays]) -> None:
    path = archive(tmp_path / "pneumoniamnist.npz", arrays(), {})
    with zipfile.ZipFile(path, "a") as file:
        for number in range(20_000):
            file.writestr(f"{number:060d}", b"")
    with pytest.raises(UserError, match="directory is too long"):
        PneumoniaMNIST().load(root=tmp_path)


def test_a_file_far_larger_than_its_images_is_not_read_through(tmp_path: Path, arrays: Callable[..., Arrays]) -> None:
    path = archive(tmp_path / "pneumoniamnist.npz", arrays(), {})
    with path.open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(UserError, match="takes 1,099,511,627,776 bytes"):
        PneumoniaMNIST().load(root=tmp_path)


def png(width: int, height: int, bits: int = 8) -> bytes:
    """All black, and compressed a thousand times."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packed, row = zlib.compressobj(9), bytes(1 + width * bits // 8)
    rows = b"".join(packed.compress(row) for _ in range(height)) + packed.flush()
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)


def tiff(width: int, height: int, *tags: tuple[int, int]) -> bytes:
    entries = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 277: 1, **dict(tags)}
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4)


def jpeg(width: int, height: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (16, 16)).save(content, "jpeg")
    written = bytearray(content.getvalue())
    at = written.index(b"\xff\xc0")
    written[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(written)


def webp(width: int, height: int) -> bytes:
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + canvas + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    return b"RIFF" + struct.pack("<I", len(body)) + body


BOMBS = {
    "png": png(30_000, 3_000),
    "huge.png": png(1, 1).replace(struct.pack(">II", 1, 1), struct.pack(">II", 2**31 - 1, 2**31 - 1)),
    "bmp": bmp(30_000, 30_000),
    "jpg": jpeg(65_500, 65_500),
    "tif": tiff(30_000, 30_000, (273, 200), (279, 8), (278, 30_000)),
    "tile.tif": tiff(16, 16, (322, 65_536), (323, 65_536), (324, 200), (325, 8)),
    "webp": webp(16_000, 16_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_an_image_is_refused_by_its_header(
    name: str, python: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    for label in "ab":
        (tmp_path / "mine" / label).mkdir(parents=True)
        for number in range(9):
            path = tmp_path / "mine" / label / f"{number}{'' if '.' in name else '.'}{name}"
            path.write_bytes(BOMBS[name])
    words, grown = loaded(python, tmp_path, "folder")
    assert "18 of 18 images cannot be used" in words
    assert grown < 300


@pytest.mark.parametrize(("bits", "count"), [(8, 5), (16, 2)])
def test_the_largest_image_is_unpacked_one_at_a_time(
    python: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, bits: int, count: int
) -> None:
    side = int(MOST_PIXELS**0.5)
    content = png(side, side, bits)
    for label in "ab":
        (tmp_path / "mine" / label).mkdir(parents=True)
        for number in range(count):
            (tmp_path / "mine" / label / f"{number}.png").write_bytes(content)
    words, grown = loaded(python, tmp_path, "folder")
    assert "copies of one, only" in words, "they are read, and copies of each other"
    assert grown < 400


@pytest.mark.parametrize("kind", ["gif", "eps", "ppm", "ico", "pdf", "tga"])
def test_other_formats_are_not_decoded_whatever_they_are_called(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image.png"
    with path.open("wb") as file:
        Image.new("RGB", (16, 16)).save(file, kind)
    with pytest.raises(UserError, match="none of BMP, JPEG, PNG, TIFF, WEBP"):
        decode([path], size=16, channels=1)
