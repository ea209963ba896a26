"""What the parts of a run record have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


def _whole(text: Any) -> Any:
    """Text without halves of surrogate pairs, which no file in UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) else text


Text = Annotated[str, BeforeValidator(_whole)]
"""Text that a plug-in, a data set or an exception may have written."""


class Part(BaseModel):
    """A part of a run record: it has all of its fields, of their types, and no other."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
