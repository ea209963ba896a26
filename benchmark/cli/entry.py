"""A plug-in as an entry of what commands print as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.core.plugin import Plugin


def entry(plugin: type[Plugin]) -> dict[str, Any]:
    """Kind, name, summary, source, version, origin, traits and parameters."""
    return {
        "kind": plugin.kind,
        "name": plugin.name,
        "summary": plugin.summary(),
        "source": plugin.source,
        "version": plugin.version,
        "origin": plugin.origin(),
        "traits": {name: plain(value) for name, value in plugin.traits().items()},
        "parameters": [
            {
                "name": p.name,
                "type": p.annotation,
                "range": p.allowed,
                "required": p.required,
                "default": plain(p.default),
            }
            for p in plugin.parameters()
            if p.name not in plugin.handed
        ],
    }


def plain(value: Any) -> Any:
    """What JSON can hold; infinities, which it cannot, as text."""
    if isinstance(value, (set, frozenset, tuple, list)):
        values = [plain(v) for v in value]
        return sorted(values, key=str) if isinstance(value, (set, frozenset)) else values
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    return str(value)
