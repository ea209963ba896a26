"""What a plug-in cannot say of itself is refused in words, before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attacks.pgd import PGD
from benchmark.core.errors import UserError
from benchmark.run import RunRequest, prepare
from defenses.jpeg import JPEG


def raises(*_: object) -> Any:
    raise ZeroDivisionError("on purpose")


def leaves(*_: object) -> Any:
    raise SystemExit(0)


@pytest.mark.parametrize("misdeed", [raises, leaves, lambda *_: None], ids=["raises", "leaves", "gives nothing"])
@pytest.mark.parametrize(
    ("base", "statement"),
    [(PGD, name) for name in ("parts", "duration", "budget", "least", "effort", "shortfall", "bound")]
    + [(JPEG, "purify_passes")],
)
def test_what_cannot_be_said_is_refused(
    base: type[Any],
    statement: str,
    misdeed: Callable[..., Any],
    suite_file: Callable[..., Path],
    registry: None,
    tmp_path: Path,
) -> None:
    body: dict[str, Any] = {"name": "mute-in-tests", "source": "this test", "__module__": __name__}
    body[statement] = property(misdeed) if base is JPEG else misdeed
    type("Mute", (base,), body)
    table = "[defense.mute-in-tests]\n" if base is JPEG else "[robustness.attack.mute-in-tests]\n"
    with pytest.raises(UserError, match=f"{statement!r} of .* 'mute-in-tests'") as refused:
        prepare(RunRequest(str(suite_file(table)), out=tmp_path / "run"))
    assert "mute-in-tests" in refused.value.where
    assert "leave the plug-in out" in refused.value.remedy
