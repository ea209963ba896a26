"""The page that documents the flags, from the flags themselves and from what they say of the controls."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass

from tabulate import tabulate

from benchmark.evaluation.flags.base import FlagCheck, MeasuredCheck, Verdict
from benchmark.evaluation.flags.catalogue import CHECKS
from benchmark.evaluation.flags.paired import PairedCheck

_INTRODUCTION = """\
# Reliability flags

A flag is a sign that a robustness number may be too good. Every row of a leaderboard carries all {count}: id, verdict,
value, threshold, number of images and a note. `python -m benchmark describe flag:NAME` prints one.

- **pass**: computed, and nothing found.
- **warn**: look at it before you believe the number.
- **fail**: the number is not to be trusted; the row is listed as "flagged" and has no rank.
- **undecided**: the probe or the records have too few images to tell; the row is listed as "undecided" and has no rank.
- **not-run**: not computed, or its evidence cannot be read, with the reason; the row is listed as "incomplete" and has
  no rank.
- **n/a**: it does not apply to this row, with the reason.

A flag from *records* reads what the row's attacks left; attacks are compared only at the same norm and ε. A flag from
the *probe* asks the defended model itself, on `probes` images of `[robustness]` (64 by default; with 0 no row ranks)
that it gets right. Where it attacks, that is PGD on the margin through the gradient estimator that the row's attacks
use by default, with as many steps as the longest of them and `probe_eot_samples` draws (the row's own number by
default). A flag from *records, else probe* compares two kinds of attack: the row's own where the suite has both, else
the probe tries them. A flag whose measurement or verdict raises an exception reads not-run; the row's other flags and
results, and all other rows, stand."""

_CONTROLS = """\
## Controls

Flags are worth something only if they are raised where they should be, and nowhere else. The test-suite puts defenses
that are broken on purpose, and two that are not, through the whole harness (`tests/evaluation/flag_controls.py`; drawn
8×8 images, L∞ ε = 8/255): under PGD as the defense's own claims suggest it, and under PGD adapted to it. The table is
written by `tests/evaluation/test_flag_controls.py`, which fails where it is out of date. It shows the flags that a row
must raise; a broken one may raise others beside them, and the last two must not fail any. Robust accuracy to the
nearest 5 %; "error": the attack could not be run, so that the row has no number."""


@dataclass(frozen=True)
class Control:
    """What became of one control.

    Attributes:
        title: What it is.
        status: Of its row on the leaderboard.
        raised: Verdicts of the flags that it must raise.
        careless: Robust accuracy under PGD as the defense's own claims suggest it; None where that raised.
        attack: How PGD is adapted to it.
        adaptive: Robust accuracy under that.
    """

    title: str
    status: str
    raised: dict[str, Verdict]
    careless: float | None
    attack: str
    adaptive: float


def render_page(controls: Iterable[Control]) -> str:
    """`docs/flags.md`."""
    headers = ["Control", "Raised", "Row", "PGD", "Adaptive PGD", "Adapted how"]
    rows = [
        [
            c.title,
            ", ".join(f"`{flag}` ({verdict.value})" for flag, verdict in c.raised.items()) or "–",
            c.status,
            "error" if c.careless is None else _rounded(c.careless),
            _rounded(c.adaptive),
            c.attack,
        ]
        for c in controls
    ]
    parts = [
        _INTRODUCTION.format(count=len(CHECKS)),
        "## The flags",
        _table(
            ["Flag", "From", "Value", "Not raised where", "Raised, it means", "Source"],
            [_described(check) for check in CHECKS],
        ),
        _CONTROLS,
        _table(headers, rows),
    ]
    return "\n\n".join(parts) + "\n"


def _described(check: FlagCheck) -> list[str]:
    origin = "probe" if isinstance(check, MeasuredCheck) else "records"
    if isinstance(check, PairedCheck):
        origin = "records, else probe"
    value = inspect.cleandoc(check.__doc__ or "").split("\n")[0].rstrip(".")
    return [f"`{check.id}`", origin, value, check.threshold, check.meaning, check.source]


def _rounded(share: float) -> str:
    """To 5 %, so that another processor's rounding does not change the page."""
    return f"{5 * round(20 * share)} %"


def _table(headers: list[str], rows: list[list[str]]) -> str:
    return str(tabulate(rows, headers, tablefmt="pipe", disable_numparse=True))
