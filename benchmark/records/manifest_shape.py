"""What the tables take for granted of a manifest, so that one of another shape is an error in words."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Named(_Part):
    name: str


class _Suite(_Named):
    title: str
    profile: str
    protocol: int
    classifier: _Named
    robustness: dict[str, Any] | None
    detection: dict[str, Any] | None
    transfer: dict[str, Any] | None = None


class _Counts(_Part):
    train: int
    validation: int
    evaluation: int


class _Data(_Part):
    title: str
    classes: list[str]
    fingerprint: str
    counts: _Counts
    grouped: bool
    notes: list[str]
    phantom: bool


class _Defense(_Part):
    repr: str
    source: str
    traits: dict[str, bool]
    claimed_accuracy: float | int | None
    missing: list[str]


class _Cell(_Part):
    table: str
    defense: str
    attack: str
    detector: str
    key: str | None
    status: str
    reason: str
    threat: dict[str, Any] | None
    facts: dict[str, Any] | None

    @model_validator(mode="after")
    def _done_somewhere(self) -> _Cell:
        if self.status == "done" and self.key is None:
            raise ValueError("is done and has no step")
        return self


class _Step(_Part):
    key: str
    finished: str | None


class ManifestShape(_Part):
    """A manifest whose parts are there, and of their types."""

    medrobust: str
    status: str
    suite: _Suite
    seed: int
    data: _Data
    defenses: dict[str, _Defense]
    cells: list[_Cell]
    steps: list[_Step] = []
    published: dict[str, dict[str, Any]] = {}
