"""DICOM: pixel values against the standard's formulas and pydicom's own, hostile files, and nothing of the patient."""

from __future__ import annotations

import hashlib
import io
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark.core.errors import UserError
from benchmark.datasets.image_folder import ImageFolder
from benchmark.datasets.reading.decode import Decoded, decode_each

pydicom = pytest.importorskip("pydicom", reason="needs the extra dicom")

EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
)
JPEG, JPEG_LOSSLESS, JPEG2000, RLE = (f"1.2.840.10008.1.2.{end}" for end in ("4.50", "4.70", "4.90", "5"))
NAME, ID = "Roe^Jane", "MRN-0042"
TWELVE = (np.arange(4096, dtype=np.uint16) * 1).reshape(64, 64)


def write(
    path: Path, stored: np.ndarray, *, syntax: str = EXPLICIT, content: bytes | None = None, **header: Any
) -> Path:
    """A file with the pixels of `stored`; `header` replaces elements, and removes those that are None."""
    file = pydicom.Dataset()
    file.file_meta = pydicom.dataset.FileMetaDataset()
    file.file_meta.TransferSyntaxUID = syntax
    file.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    file.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    wide = stored.dtype.itemsize * 8
    elements = {
        "PatientName": NAME,
        "PatientID": ID,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": stored.shape[0],
        "Columns": stored.shape[1],
        "BitsAllocated": wide,
        "BitsStored": wide,
        "HighBit": wide - 1,
        "PixelRepresentation": int(stored.dtype.kind == "i"),
        "PixelData": stored.tobytes() if content is None else pydicom.encaps.encapsulate([content]),
        **header,
    }
    for keyword, value in elements.items():
        if value is not None:
            setattr(file, keyword, value)
    if "PixelData" in file:
        file["PixelData"].VR = "OB" if wide == 8 or content else "OW"
        file["PixelData"].is_undefined_length = content is not None
    little = syntax != BIG_ENDIAN
    file.save_as(path, implicit_vr=syntax == IMPLICIT, little_endian=little, enforce_file_format=True)
    return path


def read(path: Path, size: int = 64, window: tuple[float, float] | None = None) -> Decoded:
    return decode_each([path], size=size, channels=1, window=window)


def pixels(path: Path, size: int = 64, window: tuple[float, float] | None = None) -> np.ndarray:
    decoded = read(path, size, window)
    assert decoded.problems == (None,)
    return decoded.pixels[0, 0].numpy().astype(int)


def problem(path: Path, **how: Any) -> UserError:
    (found,) = read(path, **how).problems
    assert found is not None
    assert "\n" not in found.problem
    return found


def linear(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    """PS3.3 C.11.2.1.2.1, word for word, before it is rounded."""
    low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
    inside = ((values - (centre - 0.5)) / max(width - 1, 1e-30) + 0.5) * 255
    return np.where(values <= low, 0, np.where(values > high, 255, inside))


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("width", [1, 2, 400, 1500.5])
def test_rescale_and_window_are_the_standards(tmp_path: Path, syntax: str, width: float) -> None:
    path = write(
        tmp_path / "a.dcm",
        TWELVE,
        syntax=syntax,
        BitsStored=12,
        HighBit=11,
        RescaleSlope=0.5,
        RescaleIntercept=-1024,
        WindowCenter=[40, 600],
        WindowWidth=[width, 1],
    )
    assert np.abs(pixels(path) - linear(TWELVE * 0.5 - 1024, 40, width)).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("signed", [False, True])
def test_pydicom_agrees_to_a_level_of_256(tmp_path: Path, photometric: str, signed: bool) -> None:
    """Its own transformations are written independently of ours."""
    stored = TWELVE.astype(np.int16) - 2048 if signed else TWELVE
    path = write(
        tmp_path / "a.dcm",
        stored,
        PhotometricInterpretation=photometric,
        RescaleSlope=2,
        RescaleIntercept=-100,
        WindowCenter=500 if signed else 4000,
        WindowWidth=3000,
    )
    file = pydicom.dcmread(path)
    theirs = pydicom.pixels.apply_voi_lut(pydicom.pixels.apply_modality_lut(file.pixel_array, file), file)
    share = (theirs - theirs.min()) / (theirs.max() - theirs.min())
    share = 1 - share if photometric == "MONOCHROME1" else share
    assert {0, 1} <= set(share.flat), "the window lies within what there is"
    assert np.abs(pixels(path) - 255 * share).max() <= 0.5 + 1e-9


def test_a_window_that_is_set_comes_before_that_of_the_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", TWELVE, RescaleIntercept=-1000, WindowCenter=0, WindowWidth=10)
    expected = np.rint(255 * np.clip((TWELVE - 1000.0 + 200) / 1200, 0, 1))
    assert np.array_equal(pixels(path, window=(-200, 1000)), expected)


@pytest.mark.parametrize(("bits", "signed"), [(12, False), (12, True), (16, False), (8, False)])
def test_without_a_window_all_that_the_stored_bits_can_hold_is_shown(tmp_path: Path, bits: int, signed: bool) -> None:
    low = -(2 ** (bits - 1)) if signed else 0
    values = np.linspace(low, low + 2**bits - 1, 64 * 64).round().astype(int).reshape(64, 64)
    stored = values.astype(np.uint8 if bits == 8 else np.int16 if signed else np.uint16)
    path = write(tmp_path / "a.dcm", stored, BitsStored=bits, HighBit=bits - 1)
    decoded = read(path)
    assert np.array_equal(decoded.pixels[0, 0].numpy(), np.rint(255 * (values - low) / (2**bits - 1)))
    assert decoded.windows[0] is not None
    assert decoded.windows[0].chosen == "full range"


def test_bits_outside_the_stored_ones_are_no_part_of_a_value(tmp_path: Path) -> None:
    """Old files keep overlays there, or values higher up in the word."""
    plain = pixels(write(tmp_path / "plain.dcm", TWELVE, BitsStored=12, HighBit=11))
    above = write(tmp_path / "above.dcm", TWELVE | np.uint16(0xA000), BitsStored=12, HighBit=11)
    raised = write(tmp_path / "raised.dcm", (TWELVE << 4) | np.uint16(5), BitsStored=12, HighBit=15)
    assert np.array_equal(pixels(above), plain)
    assert np.array_equal(pixels(raised), plain)


def test_odd_lengths_are_padded_and_both_readable(tmp_path: Path) -> None:
    stored = np.arange(81, dtype=np.uint8).reshape(9, 9)
    path = write(tmp_path / "a.dcm", stored, PixelData=stored.tobytes() + b"\0", WindowCenter=128, WindowWidth=256)
    assert np.array_equal(pixels(path, 9), stored)


def packed(stored: np.ndarray, kind: str, **how: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(stored).save(content, kind, **how)
    return content.getvalue()


def test_jpeg_and_jpeg_2000_are_read_by_pillow(tmp_path: Path) -> None:
    smooth = (np.add.outer(np.arange(64), np.arange(64)) * 2).astype(np.uint8)
    jpeg = write(tmp_path / "a.dcm", smooth, syntax=JPEG, content=packed(smooth, "jpeg", quality=95))
    assert np.abs(pixels(jpeg) - smooth).max() <= 3
    exact = packed(TWELVE, "jpeg2000", irreversible=False, no_jp2=True)
    path = write(tmp_path / "b.dcm", TWELVE, syntax=JPEG2000, content=exact, WindowCenter=2048, WindowWidth=4096)
    assert np.abs(pixels(path) - linear(TWELVE, 2048, 4096)).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("syntax", [JPEG_LOSSLESS, RLE, BIG_ENDIAN, "1.2.3.4"])
def test_other_ways_of_writing_pixels_are_refused_in_words(tmp_path: Path, syntax: str) -> None:
    path = write(tmp_path / "a.dcm", TWELVE, syntax=syntax, content=None if syntax == BIG_ENDIAN else bytes(10))
    found = problem(path)
    assert "compressed in a way that is not read" in found.problem
    assert "gdcmconv" in found.remedy
    assert "1.2.3.4" not in found.problem


HOSTILE: dict[str, dict[str, Any]] = {
    "no pixel data": {"PixelData": None},
    "cut pixel data": {"PixelData": bytes(100)},
    "too much pixel data": {"PixelData": bytes(3 * 64 * 64)},
    "huge rows": {"Rows": 65535, "Columns": 65535},
    "more rows than pixels": {"Rows": 9000, "Columns": 9000},
    "no rows": {"Rows": None},
    "no columns": {"Columns": 0},
    "colour": {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"},
    "palette": {"PhotometricInterpretation": "PALETTE COLOR"},
    "frames": {"NumberOfFrames": 2},
    "bits": {"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31},
    "more stored than allocated": {"BitsStored": 17},
    "slope": {"RescaleSlope": 0},
    "sigmoid": {"WindowCenter": 1, "WindowWidth": 100, "VOILUTFunction": "SIGMOID"},
    "narrow": {"WindowCenter": 1, "WindowWidth": 0},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_and_unusual_headers_are_one_line(tmp_path: Path, kind: str) -> None:
    found = problem(write(tmp_path / "a.dcm", TWELVE, **HOSTILE[kind]))
    assert found.where == str(tmp_path / "a.dcm")
    assert found.remedy


@pytest.mark.parametrize("at", [0, 60, 132, 200, 400, 3000, 8000])
def test_a_file_that_ends_early_is_one_line(tmp_path: Path, at: int) -> None:
    path = write(tmp_path / "a.dcm", TWELVE)
    path.write_bytes(path.read_bytes()[:at])
    problem(path)


def test_a_frame_that_is_larger_than_its_header_says_is_not_unpacked(tmp_path: Path) -> None:
    large = packed(np.zeros((4000, 4000), np.uint8), "jpeg")
    path = write(tmp_path / "a.dcm", np.zeros((64, 64), np.uint8), syntax=JPEG, content=large)
    assert "another image than its header says" in problem(path).problem


def test_a_header_of_a_million_items_and_a_deflated_file_are_not_read_through(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", TWELVE)
    content = path.read_bytes()
    at = content.index(b"\x10\x00\x10\x00PN")

    def with_items(count: int) -> bytes:
        items = b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * count + b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
        return content[:at] + b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff" + items + content[at:]

    path.write_bytes(with_items(10))
    pixels(path)
    path.write_bytes(with_items(1_000_000))
    problem(path)
    write(path, TWELVE, syntax=DEFLATED)
    assert "is deflated" in problem(path).problem


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
    keep=st.floats(0.5, 1),
)
def test_a_damaged_file_gives_an_image_or_one_line(tmp_path: Path, edits: list[tuple[float, int]], keep: float) -> None:
    path = write(tmp_path / "a.dcm", TWELVE[:8, :8], WindowCenter=100, WindowWidth=50, RescaleSlope=1)
    content = bytearray(path.read_bytes())
    for place, byte in edits:
        content[int(place * len(content))] = byte
    path.write_bytes(content[: int(keep * len(content))])
    (found,) = read(path, 8).problems
    assert found is None or (found.where == str(path) and "\n" not in found.problem)


def test_nothing_of_the_header_is_logged_warned_of_or_told(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = write(tmp_path / "a.dcm", TWELVE, RescaleSlope=1, WindowCenter=100, WindowWidth=50)
    content = path.read_bytes()
    at = content.index(b"\x28\x00\x53\x10DS") + 8
    path.write_bytes(content[:at] + b"Ro" + content[at + 2 :])
    before = logging.getLogger("pydicom").disabled
    caplog.set_level(0)
    found = problem(path)
    assert found.problem == "has no usable RescaleSlope in its header" or "ValueError" in found.problem
    shown = [str(found), caplog.text, *(str(w.message) for w in recwarn.list), *capfd.readouterr()]
    assert not any("Ro" in text.replace("RescaleSlope", "") or ID in text for text in shown)
    assert found.__cause__ is None
    assert logging.getLogger("pydicom").disabled is before


def fill(folder: Path, **header: Any) -> None:
    """Ten patients of four images in each of two classes."""
    for label, name in enumerate(("no", "yes")):
        (folder / name).mkdir(parents=True)
        for number in range(40):
            stored = np.random.default_rng(1000 * label + number).integers(0, 4096, (16, 16), dtype=np.uint16)
            patient = {"PatientID": f"{ID}-{label}-{number // 4}"}
            write(folder / name / f"{number:02d}.dcm", stored, **{**patient, **header})


def test_a_folder_of_dicom_has_patients_of_which_a_hash_alone_is_kept(tmp_path: Path) -> None:
    fill(tmp_path / "mine", WindowCenter=2048, WindowWidth=4096)
    data = ImageFolder(path="mine", size=16, patient="dicom").load(root=tmp_path)
    groups = [set(images.groups or ()) for images in (data.train, data.validation, data.evaluation)]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20
    assert hashlib.sha256(f"{ID}-1-3".encode()).hexdigest()[:16] in set.union(*groups)
    said = repr((data.notes, groups, data.train.ids))
    assert ID not in said
    assert NAME not in said
    assert any("20 patients (patient = 'dicom')" in note for note in data.notes)
    assert any("80 images are shown in the window of the header; ε is in units" in note for note in data.notes)


def test_a_file_without_a_patient_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "mine", PatientID="")
    with pytest.raises(UserError, match="has no patient ID"):
        ImageFolder(path="mine", size=16, patient="dicom").load(root=tmp_path)


@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_without_pydicom_the_files_are_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_error: Any
) -> None:
    fill(tmp_path / "mine")
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "mine" / "no" / "plain.png")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(UserError, match=r"80 of 81 images cannot be used: no/00.dcm, .* is DICOM") as caught:
        ImageFolder(path="mine", size=16, patient="", on_error=on_error).load(root=tmp_path)
    assert "pip install 'medrobust[dicom]'" in caught.value.remedy
