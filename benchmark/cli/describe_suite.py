"""What `describe` says about a suite."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator

from benchmark.cli.describe_keys import suite_keys
from benchmark.suites.suite import PROFILES, DetectionTable, RobustnessTable, Suite, read_suite


def suite_fields(name: str) -> Iterator[tuple[str, object]]:
    """Title and file, then what each profile contains."""
    _, path = read_suite(name)
    written = tomllib.loads(path.read_text(encoding="utf-8")).get("profile", {})
    profiles = [p for p in PROFILES if not written or p in written]
    suites = [read_suite(name, p)[0] for p in profiles]
    yield "title", suites[0].title
    yield "protocol", suites[0].protocol
    for suite in suites:
        yield f"profile {suite.profile}", "\n".join(_contents(suite))
    yield "keys of a suite", "\n".join(suite_keys())
    yield "defined in", path


def _contents(suite: Suite) -> Iterator[str]:
    settings = ", ".join(f"{k} = {v}" for k, v in suite.data.settings.items())
    yield f"data: {suite.data.name}" + (f" ({settings})" if settings else "") + f", classifier: {suite.classifier.name}"
    yield f"evaluation images: {suite.evaluation.samples}"
    yield "defenses: " + _enabled((label, table.enabled) for label, table in suite.defense.items())
    if suite.robustness is not None:
        yield f"robustness: {_attacks(suite.robustness)}"
    if suite.detection is not None:
        yield f"detection: {_attacks(suite.detection)}"
        yield "detectors: " + _enabled((label, table.enabled) for label, table in suite.detector.items())
    if suite.study:
        yield "studies: " + _enabled((label, table.enabled) for label, table in suite.study.items())
    if suite.transfer is not None:
        table = suite.transfer
        names = ", ".join([suite.classifier.name, *table.classifier])
        yield f"transfer: {table.norm.symbol} ε = {table.epsilon} on [0, 1] pixels; between {names}"


def _attacks(table: RobustnessTable | DetectionTable) -> str:
    names = _enabled((label, attack.enabled) for label, attack in table.attack.items())
    return f"{table.norm.symbol} ε = {table.epsilon} on [0, 1] pixels; {names}"


def _enabled(labels: Iterable[tuple[str, bool]]) -> str:
    return ", ".join(label for label, enabled in labels if enabled) or "none"
