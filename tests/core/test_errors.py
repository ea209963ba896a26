"""What an exception says can always be written down."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark.core.errors import LONGEST, UserError, in_words


def _saying(answer: Any) -> Exception:
    class OddError(Exception):
        def __str__(self) -> str:
            if isinstance(answer, BaseException):
                raise answer
            return answer  # type: ignore[no-any-return]

    return OddError()


@pytest.mark.parametrize(
    "answer", [RuntimeError(), SystemExit(0), KeyboardInterrupt(), GeneratorExit(), 7, None, "\ud800", "x" * 10**7]
)
def test_whatever_an_exception_says_of_itself_becomes_a_short_text(answer: Any) -> None:
    text = in_words(_saying(answer))
    assert text.startswith("OddError")
    assert len(text) < LONGEST + 100
    assert text.encode("utf-8")


def test_a_class_that_hides_its_name_is_named_all_the_same() -> None:
    class Hiding(type):
        def __getattribute__(cls, name: str) -> Any:
            raise SystemExit

    class HiddenError(Exception, metaclass=Hiding):
        pass

    assert in_words(HiddenError("why")) == "HiddenError: why"


def test_an_error_without_words_has_its_kind() -> None:
    assert in_words(UserError("")) == "UserError"
