"""The name of a step: a hash of everything that determines it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

CODE = "source code"
"""Where a spec has the hash of code; the name of no setting, which are single words."""


def as_stored(spec: dict[str, Any]) -> dict[str, Any]:
    """`spec` as it comes back from a file: of JSON's types alone."""
    stored: dict[str, Any] = json.loads(json.dumps(spec, default=str, ensure_ascii=False))
    return stored


def key_of(kind: str, spec: dict[str, Any]) -> str:
    """The key of a step of this kind; the same for a spec and for what was read back of it."""
    text = json.dumps(as_stored(spec), sort_keys=True, ensure_ascii=False)
    return f"{kind}-{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"


def without_code(spec: Any) -> Any:
    """`spec` as it would be whatever the code that it rests on."""
    if isinstance(spec, dict):
        return {name: without_code(value) for name, value in spec.items() if name != CODE}
    return [without_code(value) for value in spec] if isinstance(spec, list | tuple) else spec
