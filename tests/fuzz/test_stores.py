"""A finished run that rots: each change of it is noticed, or changes no published number."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import strategies as st

from benchmark.core.errors import UserError
from benchmark.records.inspection import run_faults, step_faults
from benchmark.records.store import TENSORS, Store
from leaderboard.board import read_board
from leaderboard.pages.flat_csv import flat_table, to_csv
from leaderboard.pages.markdown import pages, to_markdown
from leaderboard.survival.section import Survival
from tests.fuzz.conftest import Fuzz
from tests.records.ended_calls import command
from tests.records.small_run import arguments

CHANGES = (
    "flip",
    "truncate",
    "lengthen",
    "zero",
    "delete",
    "swap files",
    "swap steps",
    "add",
    "empty folder",
    "replace",
)
Tables = tuple[str, str, str]


@dataclass(frozen=True)
class Rot:
    """One change to a run: what is done, to which file, and at which place of it (both as shares of all)."""

    change: str
    file: float
    other: float
    place: float
    bit: int


ROTS = st.builds(
    Rot,
    st.sampled_from(CHANGES),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 7),
)


def tables(folder: Path) -> Tables:
    board = read_board(folder)
    markdown = "".join(to_markdown(board, page) for page in ("", *pages(board)))
    return markdown, to_csv(board), flat_table(Survival(board.survival).own_rows(), Survival.columns)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing has happened to."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    run = command(arguments(folder), folder)
    assert run.status == 0, run.output
    return folder


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def rotten(folder: Path, rot: Rot) -> None:
    """Make the change; it may be none, as where a file is exchanged with itself."""
    found = files(folder)
    path, other = found[int(rot.file * len(found))], found[int(rot.other * len(found))]
    steps = sorted((folder / "steps").iterdir())
    content = bytearray(path.read_bytes())
    place = int(rot.place * len(content))
    if rot.change == "flip" and content:
        content[place] ^= 1 << rot.bit
    elif rot.change == "truncate":
        del content[place:]
    elif rot.change == "lengthen":
        content[place:place] = b"\0" * (1 + rot.bit)
    elif rot.change == "zero":
        content[place : place + 512] = b"\0" * len(content[place : place + 512])
    elif rot.change == "replace":
        content[:] = other.read_bytes()
    elif rot.change == "add":
        path = path.with_name(f"added.{rot.bit}")
    if rot.change == "delete":
        path.unlink()
    elif rot.change == "swap files":
        _exchange(path, other)
    elif rot.change == "swap steps":
        _exchange(steps[int(rot.file * len(steps))], steps[int(rot.other * len(steps))])
    elif rot.change == "empty folder":
        shutil.rmtree(steps[int(rot.file * len(steps))])
        steps[int(rot.file * len(steps))].mkdir()
    else:
        path.write_bytes(content)


def _exchange(one: Path, other: Path) -> None:
    if one != other:
        aside = one.with_name("aside")
        one.rename(aside)
        other.rename(one)
        aside.rename(other)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in files(folder)}


def test_what_rots_is_noticed_or_changes_no_number(finished: Path, tmp_path: Path, fuzz: Fuzz) -> None:
    sound, before = tables(finished), contents(finished)
    count = dict.fromkeys(("the command that shows it says so", "only doctor does", "no change"), 0)

    def trial(rot: Rot) -> None:
        folder = tmp_path / "run"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(finished, folder)
        rotten(folder, rot)
        after = contents(folder)
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        faults = run_faults(folder)
        # A file that no run wrote is a fault within a step, and beside them nobody's business.
        assert bool(faults) == any(name in before or name.startswith("steps/") for name in changed), faults
        assert all(fault.where.startswith(str(folder)) and fault.remedy for fault in faults)
        try:
            shown = tables(folder)
            said = [*read_board(folder).failures(), *step_faults(Store(folder), Store(folder).manifest())]
        except UserError as error:
            shown, said = sound, [str(error)] if error.where.startswith(str(folder)) else []
        assert said or shown == sound
        # What the tables read is compared whenever they are shown; of tensors, which they do not, the size.
        sizes = {
            name
            for name in changed
            if not name.endswith(TENSORS) or len(before.get(name, b"")) != len(after.get(name, b""))
        }
        if any(name in before and name.startswith("steps/") for name in sizes):
            assert said
        count[next(what for what, so in zip(count, (said, changed, True), strict=True) if so)] += 1

    tried = fuzz(trial, ROTS, trials=200)
    print(f"\n{tried} changes: {count}")
