"""The name of a step: a hash of everything that determines it."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def as_stored(spec: dict[str, Any]) -> dict[str, Any]:
    """`spec` as it comes back from a file: of JSON's types alone."""
    stored: dict[str, Any] = json.loads(json.dumps(spec, default=str, ensure_ascii=False))
    return stored


def key_of(kind: str, spec: dict[str, Any]) -> str:
    """The key of a step of this kind; the same for a spec and for what was read back of it."""
    text = json.dumps(as_stored(spec), sort_keys=True, ensure_ascii=False)
    return f"{kind}-{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"
