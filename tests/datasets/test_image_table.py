"""A table of a user's own images: what is read of it, and what is said of one that cannot be."""

from __future__ import annotations

import csv
import os
import re
import shutil
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from benchmark.core.errors import UserError
from benchmark.core.images import ImageData
from benchmark.datasets.base import DataMissingError
from benchmark.datasets.image_folder import ImageFolder
from benchmark.datasets.image_table import ImageTable
from benchmark.datasets.reading import tables
from benchmark.datasets.reading.tables import read_columns

HEAD = ("file", "label", "patient", "split", "sex")
Rows = list[list[str]]


@pytest.fixture
def rows(tmp_path: Path, draw_image: Callable[..., Path]) -> Rows:
    """Forty images in nested folders: two classes, ten patients of four, half of them in test."""
    made = []
    for number in range(40):
        file = f"images/deep/{number % 3}/{number:02d}.png"
        draw_image(tmp_path / file, number)
        patient = number // 4
        made.append(
            [file, "ab"[patient % 2], f"p{patient}", "test" if patient < 6 else "train", "fm"[patient % 3 == 0]]
        )
    return made


def write(folder: Path, rows: Sequence[Sequence[object]], head: Sequence[str] = HEAD, **style: Any) -> Path:
    path = folder / "table.csv"
    with path.open("w", newline="", encoding=style.pop("encoding", "utf-8")) as file:
        csv.writer(file, **style).writerows([head, *rows])
    return path


def load(root: Path, **settings: Any) -> ImageData:
    return ImageTable.from_settings({"path": "table.csv", "size": 16, **settings}, where="suite").load(root=root)


def refused(root: Path, **settings: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        load(root, **settings)
    assert "\n" not in caught.value.problem
    assert str(root) in caught.value.where
    return caught.value


def test_labels_splits_patients_and_subgroups_are_those_of_the_row(tmp_path: Path, rows: Rows) -> None:
    write(tmp_path, rows)
    data = load(tmp_path, subgroups=["sex"], channels=3)
    by_file = {row[0]: dict(zip(HEAD, row, strict=True)) for row in rows}
    assert set(data.evaluation.ids) == {row[0] for row in rows if row[3] == "test"}
    assert len(data.train) + len(data.validation) == 16
    assert data.train.shape == (3, 16, 16)
    for images in (data.train, data.validation, data.evaluation):
        assert images.groups is not None
        for name, label, patient in zip(images.ids, images.labels, images.groups, strict=True):
            assert (data.classes[label], patient) == (by_file[name]["label"], by_file[name]["patient"])
    assert data.subgroups == {"sex": tuple(by_file[name]["sex"] for name in data.evaluation.ids)}
    assert any(note.startswith("10 patients (column 'patient')") for note in data.notes)


def test_without_a_split_column_it_is_split_as_a_folder_is(
    tmp_path: Path, rows: Rows, draw_image: Callable[..., Path]
) -> None:
    """The same images in folders; the choice goes by the patients' names, which are the same."""
    write(tmp_path, [row[:3] for row in rows], HEAD[:3])
    for file, label, patient, *_ in rows:
        (tmp_path / "folder" / label / patient).mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / file, tmp_path / "folder" / label / patient)
    listed = load(tmp_path)
    sorted_ = ImageFolder(path="folder", size=16, patient="folder").load(root=tmp_path)
    for split in ("train", "validation", "evaluation"):
        one, other = getattr(listed, split), getattr(sorted_, split)
        assert sorted(Path(name).name for name in one.ids) == sorted(Path(name).name for name in other.ids)
        assert {image.numpy().tobytes() for image in one.pixels} == {i.numpy().tobytes() for i in other.pixels}
    assert not set(listed.train.groups or ()) & set(listed.evaluation.groups or ())


@pytest.mark.parametrize("style", [{"delimiter": ";"}, {"delimiter": "\t"}, {"encoding": "utf-8-sig"}, {"quoting": 1}])
def test_a_spreadsheets_csv_is_the_same_table(tmp_path: Path, rows: Rows, style: dict[str, Any]) -> None:
    write(tmp_path, rows)
    expected = load(tmp_path, subgroups=["sex"])
    write(tmp_path, rows, **style)
    found = load(tmp_path, subgroups=["sex"])
    assert (found.fingerprint(), found.subgroups) == (expected.fingerprint(), expected.subgroups)


def test_parquet_of_any_type_is_the_same_table(tmp_path: Path, rows: Rows) -> None:
    numbered = [[*row[:1], int(row[1] == "b"), *row[2:], None if n % 5 else 1] for n, row in enumerate(rows)]
    head = (*HEAD, "reader")
    write(tmp_path, [["" if cell is None else cell for cell in row] for row in numbered], head)
    expected = load(tmp_path, subgroups=["sex", "reader"])
    frame = pd.DataFrame(numbered, columns=list(head)).astype({"sex": "category", "split": "category"})
    assert frame["reader"].dtype == float
    frame.to_parquet(tmp_path / "table.parquet")
    found = load(tmp_path, path="table.parquet", subgroups=["sex", "reader"])
    assert (found.fingerprint(), found.subgroups) == (expected.fingerprint(), expected.subgroups)
    assert set(found.subgroups["reader"]) == {"1", "not said"}
    assert found.classes == ("0", "1")


def test_files_may_be_absolute_or_in_another_folder(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "lists").mkdir()
    within = [[row[0].removeprefix("images/"), *row[1:]] for row in rows]
    write(tmp_path / "lists", [[str(tmp_path / row[0]), *row[1:]] for row in rows])
    absolute = load(tmp_path, path="lists/table.csv")
    write(tmp_path / "lists", within)
    relative = load(tmp_path, path="lists/table.csv", folder="../images")
    for split in ("train", "validation", "evaluation"):
        assert torch.equal(getattr(absolute, split).pixels, getattr(relative, split).pixels)
    assert refused(tmp_path, path="lists/table.csv", folder="../imges").problem == "no such folder"


def test_classes_are_in_the_order_of_numbers_or_as_written(tmp_path: Path, rows: Rows) -> None:
    numbers = ["9", "10", "2"]
    write(tmp_path, [[row[0], numbers[n % 3]] for n, row in enumerate(rows)], HEAD[:2])
    assert load(tmp_path).classes == ("2", "9", "10")
    assert load(tmp_path, classes=["10", "2", "9"]).classes == ("10", "2", "9")
    write(tmp_path, rows)
    assert load(tmp_path, positive="a").classes == ("b", "a")
    assert "did you mean 'a'" in refused(tmp_path, positive="aa").remedy


def test_every_missing_column_is_named_with_the_one_that_was_meant(tmp_path: Path, rows: Rows) -> None:
    write(tmp_path, rows)
    error = refused(tmp_path, label="lable", patient="patients", subgroups=["sexx", "sex"])
    for wrong, meant in (("lable", "label"), ("patients", "patient"), ("sexx", "sex")):
        assert f"{wrong!r} (did you mean {meant!r}" in error.problem
    assert "'sex' (" not in error.problem


def test_every_row_that_cannot_be_used_is_told_at_once(tmp_path: Path, rows: Rows) -> None:
    rows[1][0], rows[2][1], rows[5][1], rows[8][2] = "images/none.png", "aa", "NaN", ""
    rows[13][3], rows[16][3], rows[20][0] = "tets", "train", rows[21][0]
    os.mkfifo(tmp_path / "pipe.png")
    rows[24][0], rows[28][0] = "pipe.png", "x" * 5000
    write(tmp_path, rows)
    error = refused(tmp_path, classes=["a", "b"])
    assert "9 of 40 images cannot be used" in error.problem
    for said in (
        "table.csv:3 names 'images/none.png', which is not there",
        "table.csv:4 has label 'aa', which is not in classes (did you mean 'a'?)",
        "table.csv:7 has no label",
        "table.csv:10 has no patient",
        "table.csv:15 has split 'tets' (did you mean 'test'?)",
        "has patient 'p4', who is in test and train",
        "table.csv:23 names 'images/deep/0/21.png' again, as line 22 does",
        "table.csv:26 names 'pipe.png', which is a named pipe, not a file",
        "which cannot be looked at (File name too long)",
    ):
        assert said in error.problem
    assert len(str(error)) < 2000


def test_images_that_cannot_be_read_are_named_at_once(tmp_path: Path, rows: Rows) -> None:
    write(tmp_path, rows)
    for row in (rows[3], rows[30]):
        (tmp_path / row[0]).write_bytes(b"nothing")
    error = refused(tmp_path)
    assert "2 of 40 images cannot be used" in error.problem
    assert all(Path(row[0]).name in error.problem for row in (rows[3], rows[30]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty or no text"),
        (b"\0" * 200, "is empty or no text"),
        (b"file,label\n", "has no rows"),
        ("file,label\nä.png,b\n".encode("latin1"), "is no readable table"),
        ("file,label\nä.png,b\n".encode("utf-16"), "is no readable table"),
        (b"file,label\na.png,a,b\n", "has 3 fields, and the first line names 2"),
        (b"file,label,label\na.png,a,b\n", "has 2 columns 'label'"),
        (b'file,label\na.png,"' + b"x" * 200_000, "field larger than field limit"),
        (b'file,label\n"a.png,a', "is no readable table"),
        (b"PAR1" + b"\xff" * 200 + b"PAR1", "is no readable table"),
        (b"PK\x03\x04" + b"\1" * 200, "has no column 'file'"),
    ],
)
def test_what_is_no_table_is_refused_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    assert said in refused(tmp_path).problem


def test_an_enormous_table_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with path.open("wb") as file:
        file.truncate(tables.MOST_BYTES + 1)
    assert "more than the 67,108,864" in refused(tmp_path).problem
    parquet.write_table(pa.table({"file": pa.array(range(tables.MOST_ROWS + 1))}), path)
    with pytest.raises(UserError, match="more than 1,000,000 rows"):
        read_columns(path, ["file"])
    parquet.write_table(
        pa.table({"file": pa.array(["x" * 2**23 + str(n) for n in range(9)])}), path, compression="zstd"
    )
    assert path.stat().st_size < 10**6
    with pytest.raises(UserError, match="no more than 67,108,864 are read"):
        read_columns(path, ["file"])


def test_a_text_that_stands_in_every_row_is_held_once(tmp_path: Path) -> None:
    """A few kilobytes of Parquet can hold a megabyte in each of a hundred thousand rows."""
    path = tmp_path / "table.parquet"
    of_one = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, dtype=np.int32)), pa.array(["x" * 2**20]))
    parquet.write_table(pa.table({"file": of_one}), path, compression="zstd")
    assert path.stat().st_size < 10**5
    texts = read_columns(path, ["file"]).values["file"]
    assert (len(texts), len(texts[0])) == (100_000, 2**20)
    assert len(set(map(id, texts))) == 1


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "table.csv")
    assert "named pipe" in refused(tmp_path).problem


def test_a_table_that_is_not_there_is_missing_data_and_a_near_name_is_told(tmp_path: Path, rows: Rows) -> None:
    write(tmp_path, rows)
    with pytest.raises(DataMissingError) as caught:
        load(tmp_path, path="tabel.csv")
    assert "did you mean" in caught.value.remedy
    assert "table.csv" in caught.value.remedy


def test_a_column_of_numbers_is_no_subgroup(tmp_path: Path, draw_image: Callable[..., Path]) -> None:
    ages = [[draw_image(tmp_path / f"{n}.png", n), "ab"[n % 2], n] for n in range(60)]
    write(tmp_path, ages, ("file", "label", "age"))
    error = refused(tmp_path, subgroups=["age"])
    assert "'age' has 60 values" in error.problem
    assert "bands" in error.remedy
    write(tmp_path, [[*row[:2], row[2] % 50] for row in ages], ("file", "label", "age"))
    assert set(load(tmp_path, subgroups=["age"]).subgroups) == {"age"}


@pytest.mark.parametrize(
    "settings", [{"subgroups": ["sex", "sex"]}, {"label": "sex", "split": "sex"}, {"file": ""}, {"classes": ["a", "a"]}]
)
def test_settings_that_contradict_themselves_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"image-table.*(twice|must name columns)"):
        ImageTable.from_settings({"path": "table.csv", **settings}, where="suite")


def test_the_table_of_the_documentation_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "my-model.md").read_text(encoding="utf-8")
    (example,) = (toml for toml in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if ImageTable.name in toml)
    assert len(example.splitlines()) <= 7
    settings = tomllib.loads(example)["data"]
    assert settings.pop("name") == ImageTable.name
    assert ImageTable.from_settings(settings, where="page").subgroups == ["sex", "age_band", "view"]
