"""A system that refuses to write: one error that names the file and a remedy, and nothing lost."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.records.conftest import Whole
from tests.records.ended_calls import Ended, command
from tests.records.small_run import arguments, left

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts as Linux has them")


def limit(what: int, value: int) -> None:
    resource.setrlimit(what, (value, value))


def without_privileges() -> None:
    """Root is asked for permissions like anybody else."""
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset(header, none) == 0


def refused(run: Ended, where: Path, problem: str, remedy: str) -> None:
    """The run ended with one error that says this, and nothing else of the kind."""
    assert run.status == 2, run.output
    assert "Traceback" not in run.output
    assert "FAILED" not in run.output
    errors = [line for line in run.output.splitlines() if line.startswith("error: ")]
    (said,) = errors
    assert said == f"error: {where}: {problem}"
    assert remedy in run.output.splitlines()[-1]


def status(folder: Path) -> str:
    return str(json.loads((folder / "manifest.json").read_text())["status"])


def goes_on(folder: Path, whole: Whole) -> None:
    resumed = command(arguments(folder), folder)
    assert resumed.status == 0, resumed.output
    assert left(folder) == whole.left


@pytest.mark.parametrize(
    ("size", "lacking", "stopped_at"),
    [
        (100_000, "train-", "steps/train-*/tensors.safetensors"),
        (50_000, "features-", "steps/features-*/tensors.safetensors"),
        (18_600, "samples.parquet", "samples.parquet"),
        (1_000, "leaderboard.md", "manifest.json"),
    ],
)
def test_a_limit_on_the_size_of_files(
    size: int, lacking: str, stopped_at: str, whole: Whole, copied: Callable[..., Path]
) -> None:
    folder = copied(lacking)
    run = command(arguments(folder), folder, limits=partial(limit, resource.RLIMIT_FSIZE, size))
    places = [path.relative_to(whole.folder) for path in whole.folder.glob(stopped_at)]
    (place,) = [folder / place for place in places if f"error: {folder / place}:" in run.output]
    refused(run, place, "cannot be written (File too large)", "raise the limit on the size of files (ulimit -f)")
    if size > 10_000:
        assert status(folder) == "failed"
    goes_on(folder, whole)


@pytest.mark.parametrize("files", [8, 13, 16])
def test_too_many_open_files(files: int, whole: Whole, copied: Callable[..., Path]) -> None:
    folder = copied("detect-")
    run = command(arguments(folder), folder, limits=partial(limit, resource.RLIMIT_NOFILE, files))
    assert run.status == 2, run.output
    assert "Traceback" not in run.output
    assert "Too many open files" in run.output
    assert "raise the limit on open files" in run.output.splitlines()[-1]
    # With none at all the manifest is as it was.
    assert status(folder) in (("failed",) if files > 13 else ("failed", "done"))
    goes_on(folder, whole)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk of a size, or makes it larger."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size: str) -> Path:
        again = ",remount" if os.path.ismount(place) else ""
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}{again}", "tmpfs", str(place)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"mounting is not permitted ({done.stderr.strip()})")
        return place

    yield mount
    if os.path.ismount(place):
        subprocess.run(["umount", str(place)], check=True)


# Kilobytes that are free where a finished run but for this has been copied to.
@pytest.mark.parametrize(("lacking", "free"), [("train-", 200), ("features-", 60), ("figures", 28)])
def test_a_full_disk(
    lacking: str, free: int, disk: Callable[[str], Path], whole: Whole, copied: Callable[..., Path]
) -> None:
    source = copied(lacking)
    taken = sum(-(-path.stat().st_size // 4096) * 4 for path in source.rglob("*") if path.is_file())
    folder = disk(f"{taken + free}k") / "run"
    shutil.copytree(source, folder)
    run = command([*arguments(source)[:-1], str(folder)], folder, limits=int)
    (said,) = [line for line in run.output.splitlines() if line.startswith("error: ")]
    assert lacking in said
    refused(run, Path(said.split(": ")[1]), "cannot be written (No space left on device)", "free some space there")
    assert status(folder) == "failed"
    disk("50m")
    goes_on(folder, whole)


def elsewhere(folder: Path) -> None:
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


@pytest.mark.parametrize("size", ["4k", "60k"])
def test_no_room_for_temporary_files_is_no_steps_failure(
    size: str, disk: Callable[[str], Path], whole: Whole, copied: Callable[..., Path]
) -> None:
    folder = copied("clean-")
    run = command(arguments(folder), folder, limits=partial(elsewhere, disk(size)))
    (said,) = [line for line in run.output.splitlines() if line.startswith("error: ")]
    assert str(disk(size)) in said
    refused(run, Path(said.split(": ")[1]), "cannot be written (No space left on device)", "free some space there")
    assert status(folder) == "failed"
    goes_on(folder, whole)


def test_no_folder_for_temporary_files(whole: Whole, copied: Callable[..., Path]) -> None:
    folder = copied("clean-")
    run = command(arguments(folder), folder, limits=partial(elsewhere, folder / "absent"))
    (said,) = [line for line in run.output.splitlines() if line.startswith("error: ")]
    assert said.startswith(f"error: {folder / 'absent'}")
    refused(
        run, Path(said.split(": ")[1]), "cannot be made (No such file or directory)", "let TMPDIR name another folder"
    )
    assert status(folder) == "failed"
    goes_on(folder, whole)


@pytest.mark.parametrize("place", ["", "steps", "figures"])
def test_no_rights(place: str, whole: Whole, copied: Callable[..., Path]) -> None:
    folder = copied("detect-", "figures") if place != "figures" else copied("detect-")
    (folder / place).chmod(0o555)
    run = command(arguments(folder), folder, limits=without_privileges)
    (folder / place).chmod(0o755)
    (said,) = [line for line in run.output.splitlines() if line.startswith("error: ")]
    assert said.startswith(f"error: {folder / place}")
    assert "cannot be written" in said
    assert run.status == 2
    assert "give another --out" in run.output.splitlines()[-1]
    goes_on(folder, whole)


def test_a_step_that_may_not_be_read_is_not_computed_again(whole: Whole, copied: Callable[..., Path]) -> None:
    folder = copied("detect-")
    (record,) = [path / "record.json" for path in (folder / "steps").glob("features-*")]
    written = record.stat().st_mtime_ns
    record.chmod(0)
    run = command(arguments(folder), folder, limits=without_privileges)
    record.chmod(0o644)
    refused(run, record, "cannot be read (Permission denied)", "it may be sound")
    assert record.stat().st_mtime_ns == written
    goes_on(folder, whole)


def test_a_disk_that_is_mounted_for_reading_only(
    disk: Callable[[str], Path], whole: Whole, copied: Callable[..., Path]
) -> None:
    source, place = copied("detect-"), disk("50m")
    folder = place / "run"
    shutil.copytree(source, folder)
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    readonly = command([*arguments(source)[:-1], str(folder)], source.with_name("elsewhere"), limits=int)
    subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
    assert readonly.status == 2
    assert f"error: {folder}: cannot be written to" in readonly.output
    goes_on(folder, whole)
