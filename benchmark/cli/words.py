"""What the shell offers to complete: names of suites, profiles and plug-ins, read without importing torch."""

from __future__ import annotations


def suites(incomplete: str) -> list[str]:
    """Suites that ship with medrobust; a file of the user's own is left to the shell."""
    from benchmark.suites.suite import suite_names

    return _beginning(incomplete, suite_names())


def profiles(incomplete: str) -> list[str]:
    """Profiles of a suite."""
    from benchmark.suites.suite import PROFILES

    return _beginning(incomplete, PROFILES)


def kinds(incomplete: str) -> list[str]:
    """What `list` lists."""
    from benchmark.core.discovery import PACKAGES

    return _beginning(incomplete, [*PACKAGES, "suite"])


def data_sets(incomplete: str) -> list[str]:
    """The project's own data sets."""
    return _beginning(incomplete, ["auto", *_plugins("dataset")])


def described(incomplete: str) -> list[str]:
    """The project's own plug-ins, and suites."""
    from benchmark.core.discovery import PACKAGES
    from benchmark.suites.suite import suite_names

    return _beginning(incomplete, [name for kind in PACKAGES for name in _plugins(kind)] + suite_names())


def _plugins(kind: str) -> list[str]:
    from benchmark.core.own_plugins import own_plugins

    return [found.name for found in own_plugins(kind)]


def _beginning(incomplete: str, names: list[str] | tuple[str, ...]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]
