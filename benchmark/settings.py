"""Whether a setting from a file has the type that the constructor's annotation promises."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from typing import Any, Literal, Union

_SCALARS = (bool, int, float, str, type(None))


def mistyped(constructor: Callable[..., Any], name: str, value: Any) -> bool:
    """Whether `value` cannot be argument `name` of `constructor`.

    Judges annotations made of bool, int, float, str, None and Literal; of others it says False. A whole number will do
    for a float, a bool for neither.
    """
    try:
        hint = typing.get_type_hints(constructor).get(name, Any)
    except (NameError, TypeError, AttributeError):
        # An annotation that only a type checker can resolve.
        return False
    choices = typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)
    if not all(choice in _SCALARS or typing.get_origin(choice) is Literal for choice in choices):
        return False
    return not any(_fits(value, choice) for choice in choices)


def _fits(value: Any, choice: Any) -> bool:
    if typing.get_origin(choice) is Literal:
        return value in typing.get_args(choice)
    allowed = (int, float) if choice is float else choice
    return isinstance(value, allowed) and isinstance(value, bool) <= (choice is bool)
