"""What a setting may be: the type and the range that the constructor's annotation states, and whether a value fits."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union

from annotated_types import BaseMetadata, Ge, GroupedMetadata, Gt, Interval
from pydantic import AllowInfNan, ConfigDict, GetCoreSchemaHandler, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema

from benchmark.errors import UserError
from benchmark.threat import Epsilon

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


Count = Annotated[int, Ge(1)]
Whole = Annotated[int, Ge(0)]
Seed = Annotated[int, Interval(ge=0, lt=2**63)]
Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Interval(ge=0, le=1)]
Memory = Annotated[float, Interval(ge=0, lt=1)]
"""What a running mean keeps from step to step; with all of it nothing new would enter."""
Confidence = Annotated[float, Ge(0), AllowInfNan(True)]
"""A margin in logits at which growth ends; infinite for one that never does."""
Length = Annotated[str | float, Written(Gt(0))]
"""A step in the unit of ε, such as "1/255"."""
PixelLength = Annotated[str | float, Written(Interval(gt=0, le=1))]
"""A length on pixels in [0, 1], at most their whole range."""
ImageSide = Annotated[int, Interval(ge=8, le=1024)]
BatchRows = Annotated[int, Ge(2)]
"""Images of a training step; batch normalisation needs two."""
Neighbours = Annotated[int, Ge(3)]
"""Of an estimate of local dimension, which fewer leave without a variance."""
LayerWidth = Annotated[int, Interval(ge=1, le=4096)]


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
        raise UserError(
            f"{name} = {value!r} of {of} is not {type_in_words(hint)}", where=where, remedy="correct the value"
        )
    if out_of_range(constructor, name, value):
        allowed = range_in_words(hint) or f"a finite value of type {type_in_words(hint)}"
        raise UserError(f"{name} = {value!r} of {of} is out of range", where=where, remedy=f"give {allowed}")


def mistyped(constructor: Callable[..., Any], name: str, value: Any) -> bool:
    """Whether `value` cannot be argument `name` of `constructor`.

    Judges annotations made of bool, int, float, str, None and Literal; of others it says False. A whole number will do
    for a float, a bool for neither.
    """
    choices = _choices(hints(constructor).get(name, Any))
    if not all(choice in _SCALARS or typing.get_origin(choice) is Literal for choice in choices):
        return False
    return not any(_fits(value, choice) for choice in choices)


def out_of_range(constructor: Callable[..., Any], name: str, value: Any) -> bool:
    """Whether pydantic refuses `value` for the annotation of argument `name`; numbers must be finite."""
    adapter = _adapter(constructor, name)
    try:
        if adapter is not None:
            adapter.validate_python(value)
    except ValidationError:
        return True
    return False


def type_in_words(hint: Any) -> str:
    """An annotation without its ranges, e.g. "int | None"."""
    return " | ".join(_name(choice) for choice in _choices(hint))


def range_in_words(hint: Any) -> str:
    """The range that an annotation states, e.g. "1 or more", "above 0"; empty where it states none."""
    bounds = {}
    for marker in _markers(hint):
        for bound in ("ge", "gt", "le", "lt", "multiple_of"):
            value = getattr(marker, bound, None)
            if value is not None:
                bounds[bound] = str(value) if isinstance(value, int) else f"{value:g}"
    if not bounds:
        return ""
    if "ge" in bounds and "le" in bounds:
        words = [f"from {bounds['ge']} to {bounds['le']}"]
    else:
        lowest = bounds.get("ge")
        words = [f"{lowest} or more"] if lowest else []
        words += [
            f"{word} {bounds[k]}" for k, word in (("gt", "above"), ("le", "at most"), ("lt", "below")) if k in bounds
        ]
    if "multiple_of" in bounds:
        words.append(f"a multiple of {bounds['multiple_of']}")
    return " and ".join(words)


def _choices(hint: Any) -> tuple[Any, ...]:
    """The members of a union, without their ranges."""
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return _choices(typing.get_args(hint)[0])
    if origin in (Union, types.UnionType):
        return tuple(choice for member in typing.get_args(hint) for choice in _choices(member))
    return (hint,)


def _name(choice: Any) -> str:
    return "None" if choice is type(None) else inspect.formatannotation(choice)


def _markers(hint: Any) -> Iterator[Any]:
    if typing.get_origin(hint) is Annotated:
        inner, *metadata = typing.get_args(hint)
        yield from _markers(inner)
        yield from _flat(metadata)
    elif typing.get_origin(hint) in (Union, types.UnionType):
        for member in typing.get_args(hint):
            yield from _markers(member)


def _flat(metadata: typing.Iterable[Any]) -> Iterator[Any]:
    for marker in metadata:
        parts = marker if isinstance(marker, GroupedMetadata) else getattr(marker, "metadata", None)
        if parts is None:
            yield marker
        else:
            yield from _flat(parts)


@cache
def _adapter(constructor: Callable[..., Any], name: str) -> TypeAdapter[Any] | None:
    """None where there is no annotation, or one that pydantic cannot judge."""
    hint = hints(constructor).get(name)
    try:
        return None if hint is None else TypeAdapter(hint, config=_CONFIG)
    except PydanticUserError:
        return None


def _fits(value: Any, choice: Any) -> bool:
    if typing.get_origin(choice) is Literal:
        return value in typing.get_args(choice)
    allowed = (int, float) if choice is float else choice
    return isinstance(value, allowed) and isinstance(value, bool) <= (choice is bool)
