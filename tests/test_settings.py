"""Every numeric setting has a range, and what lies outside is refused before any work."""

from __future__ import annotations

import inspect
import math
from typing import Annotated, Any

import pytest
from annotated_types import Ge, Interval
from pydantic import Field

from attacks.composing import ESTIMATORS, OBJECTIVES
from attacks.pgd import PGD
from benchmark.discovery import load_plugins
from benchmark.errors import UserError
from benchmark.plugin import KINDS, registered
from benchmark.settings import (
    Confidence,
    Length,
    PixelLength,
    Positive,
    check_setting,
    hints,
    range_in_words,
    type_in_words,
)

OURS = ("attacks.", "benchmark.", "defenses.", "detectors.")


def constructors() -> list[Any]:
    load_plugins()
    named = {f"{kind}:{name}": plugin for kind in KINDS for name, plugin in registered(kind).items()}
    named |= {f"objective:{name}": objective for name, objective in OBJECTIVES.items()}
    named |= {f"gradient:{name}": estimator for name, estimator in ESTIMATORS.items()}
    return [pytest.param(cls.__init__, id=name) for name, cls in named.items() if cls.__module__.startswith(OURS)]


def outside(hint: Any) -> list[Any]:
    """Values that a numeric annotation must refuse, from its own words."""
    words, whole = range_in_words(hint).split(), "float" not in type_in_words(hint)
    step = 1 if whole else 1e-6
    values: list[Any] = [math.nan, -math.inf, True] + ([] if hint is Confidence else [math.inf])
    numbers = [float(w) for w in words if w.replace(".", "").replace("e+", "").isdigit()]
    lowest = min(numbers) - (0 if "above" in words else step)
    values.append(int(lowest) if whole else lowest)
    if "to" in words or "below" in words or "most" in words:
        highest = max(numbers) + (0 if "below" in words else step)
        values.append(int(highest) if whole else highest)
    return values


@pytest.mark.parametrize("constructor", constructors())
def test_every_numeric_setting_has_a_range_and_refuses_what_lies_outside(constructor: Any) -> None:
    for name, hint in hints(constructor).items():
        if not {"int", "float"} & set(type_in_words(hint).split(" | ")):
            continue
        assert range_in_words(hint), name
        for value in outside(hint):
            with pytest.raises(UserError, match=f"{name} = "):
                check_setting(constructor, name, value, of="it", where="my.toml")


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
        "length": "above 0",
        "radius": "above 0 and at most 1",
        "kappa": "0 or more",
        "rates": "",
        "share": "0 or more and below 1",
        "count": "from 1 to 8",
        "bare": "",
    }
    assert type_in_words(hints(some)["length"]) == "str | float | None"


def test_the_refusal_names_file_key_value_and_range() -> None:
    with pytest.raises(UserError) as caught:
        PGD.from_settings({"restarts": 0}, where="my.toml: robustness.attack.pgd")
    assert str(caught.value) == (
        "my.toml: robustness.attack.pgd: restarts = 0 of attack 'pgd' is out of range\n  remedy: give 1 or more"
    )


def test_a_plug_in_gets_it_by_annotating() -> None:
    def construct(self: Any, *, strength: Annotated[int, Ge(2)] = 3) -> None:
        self.strength = strength

    check_setting(construct, "strength", 2, of="it", where="")
    with pytest.raises(UserError, match="out of range"):
        check_setting(construct, "strength", 1, of="it", where="")
