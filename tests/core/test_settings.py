"""Every numeric setting has a range, and what lies outside is refused before any work."""

from __future__ import annotations

import inspect
import math
import re
from typing import Annotated, Any

import pytest
from annotated_types import Ge, Interval
from pydantic import Field

from attacks.pgd import PGD
from benchmark.core.allowed import range_in_words, type_in_words
from benchmark.core.discovery import load_plugins
from benchmark.core.errors import UserError
from benchmark.core.plugin import KINDS, registered
from benchmark.core.settings import (
    Confidence,
    Length,
    PixelLength,
    Positive,
    check_setting,
    hints,
)

OURS = ("attacks.", "benchmark.", "defenses.", "detectors.")


def constructors() -> list[Any]:
    load_plugins()
    named = {f"{kind}:{name}": plugin for kind in KINDS for name, plugin in registered(kind).items()}
    return [pytest.param(cls.__init__, id=name) for name, cls in named.items() if cls.__module__.startswith(OURS)]


NONSENSE = [
    -1,
    0,
    -0.5,
    math.nan,
    math.inf,
    -math.inf,
    1e308,
    5e-324,
    True,
    "x",
    "",
    [],
    [[]],
    {},
    10**30,
    -(2**63),
    None,
]


def within(words: str, value: float) -> bool:
    """Whether a number lies in a range as `describe` words it."""
    words = words.replace(",", "")
    number = r"(-?[\d.]+(?:e[+-]?\d+)?)"
    ends = {word: re.search(rf"{word} {number}", words) for word in ("from", "to", "above", "at most", "below")}
    ends["from"] = ends["from"] or re.search(rf"{number} or more", words)
    low, high, above, most, below = (float(end[1]) if end else None for end in ends.values())
    highest = min((bound for bound in (high, most) if bound is not None), default=math.inf)
    return (
        (-math.inf if low is None else low) <= value <= highest
        and (above is None or value > above)
        and (below is None or value < below)
    )


def allowed(hint: Any, value: Any) -> bool:
    """Whether a value is of the type and in the range that the annotation states, judged by its words alone."""
    kinds, words = type_in_words(hint).split(" | "), range_in_words(hint)
    if value is None or isinstance(value, bool):
        return str(value if value is None else "bool") in kinds
    if isinstance(value, dict):
        return any(kind.startswith("dict") for kind in kinds)
    if isinstance(value, (int, float)):
        number = "float" in kinds and (isinstance(value, float) or abs(value) < 2**63)
        number = number or ("int" in kinds and isinstance(value, int))
        if value == math.inf and hint == Confidence:
            return True
        return number and math.isfinite(value) and within(words, value)
    return isinstance(value, str) and "str" in kinds and any("from" not in part for part in words.split(" or "))


def refused(constructor: Any, name: str, value: Any) -> UserError | None:
    try:
        check_setting(constructor, name, value, of="it", where="my.toml")
    except UserError as error:
        return error
    return None


@pytest.mark.parametrize("constructor", constructors())
def test_every_setting_says_what_it_may_be_and_refuses_the_rest(constructor: Any) -> None:
    for name, hint in hints(constructor).items():
        if name in ("return", "base", "detector", "folder"):
            continue
        kinds = set(type_in_words(hint).split(" | "))
        assert range_in_words(hint) or not {"int", "float", "str"} & kinds, f"{name} states no range"
        for value in NONSENSE:
            refusal = refused(constructor, name, value)
            assert (refusal is None) == allowed(hint, value), (name, value)
            if refusal is not None:
                assert refusal.where == "my.toml"
                assert refusal.problem.startswith(f"{name} = ")
                assert refusal.remedy.startswith("give ")


@pytest.mark.parametrize("constructor", constructors())
def test_every_default_lies_in_its_range(constructor: Any) -> None:
    for name, parameter in inspect.signature(constructor).parameters.items():
        if parameter.default is not parameter.empty:
            check_setting(constructor, name, parameter.default, of="it", where="my.toml")


def some(
    *,
    length: Length | None = None,
    radius: PixelLength = 0.1,
    kappa: Confidence = math.inf,
    rates: list[Positive] | None = None,
    share: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    count: Annotated[int, Interval(ge=1, le=8)] | None = None,
    bare: float = 1.0,
) -> None: ...


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("length", 0),
        ("length", "0/255"),
        ("length", "8/0"),
        ("length", "big"),
        ("length", "-1/255"),
        ("length", "1e999"),
        ("radius", "256/255"),
        ("radius", 1.01),
        ("kappa", -1.0),
        ("kappa", math.nan),
        ("rates", [0.5, 0.0]),
        ("rates", ["a"]),
        ("share", 1.0),
        ("count", 9),
        ("bare", math.inf),
    ],
)
def test_outside(name: str, value: Any) -> None:
    with pytest.raises(UserError):
        check_setting(some, name, value, of="it", where="my.toml")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("length", "1/255"),
        ("length", 300.0),
        ("length", None),
        ("radius", "255/255"),
        ("kappa", math.inf),
        ("rates", [0.5]),
        ("share", 0),
        ("count", 8),
        ("bare", -5),
    ],
)
def test_inside(name: str, value: Any) -> None:
    check_setting(some, name, value, of="it", where="my.toml")


def test_a_range_reads_as_words() -> None:
    words = {name: range_in_words(hint) for name, hint in hints(some).items() if name != "return"}
    assert words == {
        "length": "from 1e-12 to 1e+12",
        "radius": "from 1e-12 to 1",
        "kappa": "from 0 to 1e+12, or inf",
        "rates": "from 1e-12 to 1e+12",
        "share": "0 or more and below 1",
        "count": "from 1 to 8",
        "bare": "",
    }
    assert type_in_words(hints(some)["length"]) == "str | float | None"


def test_the_refusal_names_file_key_value_and_range() -> None:
    with pytest.raises(UserError) as caught:
        PGD.from_settings({"restarts": 0}, where="my.toml: robustness.attack.pgd")
    assert str(caught.value) == (
        "my.toml: robustness.attack.pgd: restarts = 0 of attack 'pgd' is out of range\n"
        "  remedy: give a whole number from 1 to 1,000,000,000"
    )


def test_a_plug_in_gets_it_by_annotating() -> None:
    def construct(self: Any, *, strength: Annotated[int, Ge(2)] = 3) -> None:
        self.strength = strength

    check_setting(construct, "strength", 2, of="it", where="")
    with pytest.raises(UserError, match="out of range"):
        check_setting(construct, "strength", 1, of="it", where="")
