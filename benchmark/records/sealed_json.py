"""JSON documents that carry a hash of themselves, so that a change to any byte is noticed."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from benchmark.core.harmless import in_json

_END = "\n}\n"
_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n}\n\Z')


class SealError(ValueError):
    """The document is not what was written."""


def sealed(document: dict[str, Any]) -> bytes:
    """The document as text, its hash the last entry."""
    text = in_json(json.dumps(document, indent=1, ensure_ascii=False)).encode("utf-8", "replace")
    body = text.removesuffix(b"\n}")
    return body + f',\n "sha256": "{hashlib.sha256(body).hexdigest()}"{_END}'.encode()


def unsealed(content: bytes) -> dict[str, Any]:
    """The document, without its hash.

    Raises:
        SealError: It carries no hash, or another's.
    """
    seal = _SEAL.search(content)
    if seal is None:
        raise SealError("carries no hash of itself: it was cut short, changed, or written by an earlier version")
    body = content[: seal.start()]
    if hashlib.sha256(body).hexdigest() != seal[1].decode():
        raise SealError("its content is not what was written")
    document: dict[str, Any] = json.loads(body + _END.encode())
    return document
