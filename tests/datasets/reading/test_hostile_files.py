"""Whatever bytes a data file holds, the loaders answer with images or with a UserError, never with anything else."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_dtypes, array_shapes, arrays, integer_dtypes, scalar_dtypes
from PIL import Image

from benchmark.core.errors import UserError
from benchmark.core.images import ImageData
from benchmark.datasets.aptos2019 import read_grades
from benchmark.datasets.medmnist import PneumoniaMNIST
from benchmark.datasets.reading.decode import decode

quickly = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
KEYS = [f"{split}_{kind}" for split in ("train", "val", "test") for kind in ("images", "labels")]


def valid() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    return {
        key: generator.integers(0, 256, (4, 28, 28), dtype=np.uint8)
        if key.endswith("images")
        else np.array([[0], [1], [0], [1]], np.uint8)
        for key in KEYS
    }


def npz(contents: dict[str, np.ndarray], *, compressed: bool = False) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **contents)
    return file.getvalue()


def load(content: bytes) -> ImageData | None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pneumoniamnist.npz").write_bytes(content)
        try:
            return PneumoniaMNIST().load(root=Path(folder), download=False)
        except UserError as error:
            refusal = error
    assert "pneumoniamnist.npz" in refusal.where
    return None


@quickly
@given(
    content=st.binary(max_size=400), prefix=st.sampled_from([b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"PK\x05\x06"])
)
def test_any_bytes(content, prefix):
    load(prefix + content)


@quickly
@given(
    compressed=st.booleans(),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12),
    keep=st.floats(0.5, 1),
)
def test_damaged_file(compressed, edits, keep):
    content = bytearray(npz(valid(), compressed=compressed))
    for place, byte in edits:
        content[int(place * len(content))] = byte
    load(bytes(content[: int(keep * len(content))]))


@quickly
@given(header=st.binary(max_size=120))
def test_damaged_array_header_in_a_sound_archive(header):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for key in KEYS:
            archive.writestr(f"{key}.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert load(file.getvalue()) is None


def test_header_that_promises_more_than_memory_holds():
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1152921504606846976, 28, 28)}"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for key in KEYS:
            archive.writestr(f"{key}.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert load(file.getvalue()) is None


@pytest.mark.filterwarnings("ignore:Stored array in format")
@quickly
@given(
    key=st.sampled_from(KEYS),
    array=arrays(
        st.one_of(scalar_dtypes(), integer_dtypes(), array_dtypes(max_size=2)),
        st.one_of(array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5), st.just((4, 1)), st.just((4,))),
    ),
)
def test_any_array_in_place_of_a_right_one(key, array):
    data = load(npz({**valid(), key: array}))
    if data is not None:
        assert key.endswith("labels")
        assert array.dtype.kind in "iu"
        assert set(array.ravel().tolist()) == {0, 1}


@quickly
@given(
    suffix=st.sampled_from(["png", "jpeg", "tiff", "bmp", "webp"]),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12),
    keep=st.floats(0.1, 1),
)
@pytest.mark.filterwarnings("ignore")
def test_damaged_image(suffix, edits, keep):
    file = io.BytesIO()
    Image.fromarray(valid()["train_images"][0]).convert("RGB").save(file, suffix)
    content = bytearray(file.getvalue())
    for place, byte in edits:
        content[int(place * len(content))] = byte
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"image.{suffix}"
        path.write_bytes(content[: int(keep * len(content))])
        try:
            decode([path], size=16, channels=1)
        except UserError as error:
            refusal = error
        else:
            return
    assert refusal.where == str(path)


def read_csv(content: bytes) -> dict[str, int] | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.csv"
        path.write_bytes(content)
        try:
            return read_grades(path)
        except UserError as error:
            refusal = error
    assert "train.csv" in refusal.where
    return None


@quickly
@given(
    content=st.binary(max_size=300),
    header=st.sampled_from([b"", b"id_code,diagnosis\n", b"\xef\xbb\xbfid_code,diagnosis\r\n"]),
)
def test_any_csv_bytes(content, header):
    grades = read_csv(header + content)
    assert grades is None or set(grades.values()) <= set(range(5))


@quickly
@given(rows=st.lists(st.tuples(st.text(max_size=8), st.text(alphabet='01234-.5, x\n"', max_size=4)), max_size=6))
def test_any_csv_rows(rows):
    text = "id_code,diagnosis\n" + "".join(f"{name},{grade}\n" for name, grade in rows)
    grades = read_csv(text.encode("utf-8", "surrogatepass"))
    assert grades is None or set(grades.values()) <= set(range(5))
