"""What a setting may be: the type and the range that the constructor's annotation states, and whether a value fits."""

from __future__ import annotations

import math
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from reprlib import Repr
from typing import Annotated, Any, Literal

from annotated_types import BaseMetadata, GroupedMetadata, Interval
from pydantic import (
    AfterValidator,
    AllowInfNan,
    ConfigDict,
    GetCoreSchemaHandler,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import CoreSchema, core_schema

from benchmark.core.allowed import Free, allowed_in_words, choices
from benchmark.core.errors import UserError
from benchmark.core.threat import Epsilon

_SCALARS = (bool, int, float, str, type(None))
_CONFIG = ConfigDict(allow_inf_nan=False, arbitrary_types_allowed=True)


@dataclass(frozen=True)
class Written:
    """Range of a number that may stand in a string as a fraction: "8/255" and 0.03 are judged alike."""

    bound: BaseMetadata | GroupedMetadata

    @property
    def metadata(self) -> tuple[BaseMetadata | GroupedMetadata, ...]:
        """The range, where pydantic's own `Field` keeps its."""
        return (self.bound,)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        number = TypeAdapter(Annotated[float, self.bound], config=_CONFIG)

        def check(value: Any) -> Any:
            try:
                number.validate_python(Epsilon.parse(value).value)
            except UserError as error:
                raise ValueError(error.problem) from error
            return value

        return core_schema.no_info_plain_validator_function(check)


def _finite_in_single_precision(margin: float) -> float:
    if not (0 <= margin <= 1e12 or margin == math.inf):
        raise ValueError("out of range")
    return margin


# No computation counts further than a billion, and 32 bits hold it. The squares of 1e-12 and 1e12, and their products
# with the values of an image, are numbers that single precision still tells from 0 and infinity.
Count = Annotated[int, Interval(ge=1, le=10**9)]
Whole = Annotated[int, Interval(ge=0, le=10**9)]
AtOnce = Annotated[int, Interval(ge=1, le=1000)]
"""Draws, candidates or networks that are in memory at the same time."""
SEEDS = 2**63
Seed = Annotated[int, Interval(ge=0, lt=SEEDS)]
Positive = Annotated[float, Interval(ge=1e-12, le=1e12)]
NotNegative = Annotated[float, Interval(ge=0, le=1e12)]
Share = Annotated[float, Interval(ge=0, le=1)]
Memory = Annotated[float, Interval(ge=0, lt=1)]
"""What a running mean keeps from step to step; with all of it nothing new would enter."""
Rate = Annotated[float, Interval(ge=1e-12, le=1)]
"""Of learning: above 1 training leaves single precision within a few steps."""
Decay = Annotated[float, Interval(ge=0, le=1)]
"""Of weights: more than all of them cannot be taken off."""
Confidence = Annotated[
    float, AllowInfNan(True), AfterValidator(_finite_in_single_precision), Free("from 0 to 1e+12, or inf")
]
"""A margin in logits at which growth ends; infinite for one that never does."""
Length = Annotated[str | float, Written(Interval(ge=1e-12, le=1e12))]
"""A step in the unit of ε, such as "1/255"; planning refuses one that leaves the ball from any place in it."""
PixelLength = Annotated[str | float, Written(Interval(ge=1e-12, le=1))]
"""A length on pixels in [0, 1], at most their whole range."""
Deviation = Annotated[float, Interval(ge=1e-6, le=1)]
"""Of probes on pixels in [0, 1]: below, single precision does not tell a pixel from its neighbour."""
Shift = Annotated[int, Interval(ge=0, le=64)]
"""Pixels by which a training image is moved; it is held with a border as wide on every side."""
ImageSide = Annotated[int, Interval(ge=8, le=1024)]
BatchRows = Annotated[int, Interval(ge=2, le=65536)]
"""Images of a training step; batch normalisation needs two."""
Neighbours = Annotated[int, Interval(ge=3, le=10**6)]
"""Of an estimate of local dimension, which fewer leave without a variance."""
LayerWidth = Annotated[int, Interval(ge=1, le=4096)]


@cache
def hints(constructor: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a constructor with their ranges; empty where only a type checker can resolve them."""
    try:
        return typing.get_type_hints(constructor, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {}


def check_setting(constructor: Callable[..., Any], name: str, value: Any, *, of: str, where: str) -> None:
    """Raise UserError where `value` cannot be argument `name` of `constructor`, which makes `of`."""
    hint = hints(constructor).get(name, Any)
    if mistyped(constructor, name, value):
        problem = "is not of its type"
    elif out_of_range(constructor, name, value):
        problem = "is out of range"
    else:
        return
    raise UserError(
        f"{name} = {shortened(value)} of {of} {problem}",
        where=where,
        remedy=_counted_in_bytes(value, hint) + f"give {allowed_in_words(hint)}",
    )


def _counted_in_bytes(value: Any, hint: Any) -> str:
    """A guess at who counts in pixel values from 0 to 255 where pixels lie in [0, 1]."""
    if hint not in (PixelLength, PixelLength | None) or str(value) not in map(str, range(2, 256)):
        return ""
    return f'did you mean "{value}/255"? else '


def shortened(value: Any) -> str:
    """`value` as Python writes it, cut where it is long."""
    short = Repr()
    short.maxstring = short.maxother = short.maxlong = 80
    return short.repr(value)


def mistyped(constructor: Callable[..., Any], name: str, value: Any) -> bool:
    """Whether `value` cannot be argument `name` of `constructor`.

    Judges annotations made of bool, int, float, str, None and Literal; of others it says False. A whole number will do
    for a float, a bool for neither.
    """
    kinds = _kinds(constructor, name)
    if not all(kind in _SCALARS or typing.get_origin(kind) is Literal for kind in kinds):
        return False
    return not any(_fits(value, kind) for kind in kinds)


@cache
def _kinds(constructor: Callable[..., Any], name: str) -> tuple[Any, ...]:
    return choices(hints(constructor).get(name, Any))


def out_of_range(constructor: Callable[..., Any], name: str, value: Any) -> bool:
    """Whether pydantic refuses `value` for the annotation of argument `name`; numbers must be finite."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return True
    adapter = _adapter(constructor, name)
    try:
        if adapter is not None:
            adapter.validate_python(value)
    except ValidationError:
        return True
    return False


@cache
def _adapter(constructor: Callable[..., Any], name: str) -> TypeAdapter[Any] | None:
    """None where there is no annotation, or one that pydantic cannot judge."""
    hint = hints(constructor).get(name)
    try:
        return None if hint is None else TypeAdapter(hint, config=_CONFIG)
    except PydanticUserError:
        return None


def _fits(value: Any, kind: Any) -> bool:
    if typing.get_origin(kind) is Literal:
        # Python takes True for 1 and 28.0 for 28.
        return any(value == choice and type(value) is type(choice) for choice in typing.get_args(kind))
    allowed = (int, float) if kind is float else kind
    return isinstance(value, allowed) and isinstance(value, bool) <= (kind is bool)


def refuse_overlong(step: str | float | None, epsilon: str | float | Epsilon, *, where: str) -> None:
    """Raise UserError where a step is longer than the way between any two images of a ball of radius `epsilon`."""
    radius = Epsilon.parse(epsilon, where=where)
    if step is not None and Epsilon.parse(step, where=f"{where}, step_size").value > 2 * radius.value:
        raise UserError(
            f"step_size = {step} leads out of the ball of radius {radius} from any place in it",
            where=where,
            remedy=f"give {2 * radius.value:g}, which is twice the radius, or less",
        )
