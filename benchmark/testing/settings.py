"""What holds of every plug-in, whatever its kind: its name, its constructor, its settings."""

from __future__ import annotations

from typing import Any, TypeVar

from attacks.objectives.cross_entropy import CrossEntropy
from benchmark.core.plugin import Plugin
from benchmark.testing.claims import Claims

P = TypeVar("P", bound=Plugin)
_HERE = "benchmark.testing"


def instance_of(plugin: P | type[P], kind: type[P]) -> P:
    """The plug-in itself, or one built with its defaults; raises AssertionError when it is of another kind."""
    built = plugin.from_settings({}, where=_HERE, **_handed()) if isinstance(plugin, type) else plugin
    if not isinstance(built, kind):
        raise AssertionError(f"{built!r} is not a subclass of {kind.__name__}")
    return built


def fresh(plugin: P) -> P:
    """Another instance with the same settings, as the harness builds it."""
    own: dict[str, Any] = {}
    handed: dict[str, Any] = {}
    for name, value in plugin.settings().items():
        (handed if name in plugin.handed else own)[name] = value
    return plugin.from_settings(own, where=_HERE, **handed)


def _handed() -> dict[str, Any]:
    """What the harness hands to constructors that have a place for it."""
    return {"base": CrossEntropy(), "draws": 1}


def check_settings(plugin: Plugin, claims: Claims) -> None:
    """Name and source are stated, the constructor only stores, and the settings make an equal plug-in."""
    claims.holds(bool(plugin.name), f"({type(plugin).__name__}) has no `name`, so nothing can refer to it")
    claims.holds(bool(plugin.source), "has no `source`: name the paper, or say that the method is your own")
    names = [p.name for p in plugin.parameters()]
    # Objects that support nothing but being stored.
    marks = {name: object() for name in names}
    with claims.works("build when every setting is an arbitrary object (the constructor must only store)"):
        stored = type(plugin)(**marks)
    for name in names:
        claims.holds(
            getattr(stored, name, None) is marks[name],
            f"does not store setting {name!r} unchanged under the same name",
        )
    with claims.works("build again from its own settings"):
        again = fresh(plugin)
    claims.holds(again.settings() == plugin.settings(), "gives other settings when it is built again from its own")
