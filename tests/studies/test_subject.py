"""What a study is handed: intervals over patients, and the same weights with other settings."""

from __future__ import annotations

import pytest
import torch

from benchmark.core.errors import UserError
from tests.studies.subjects import Shrinking, grey, subject


def test_images_of_one_patient_say_less_than_as_many_patients() -> None:
    values = torch.arange(8.0).repeat_interleave(2)
    apart = subject(Shrinking(), grey(16)).mean(values)
    together = subject(Shrinking(), grey(16), groups=tuple(str(n // 2) for n in range(16))).mean(values)
    assert apart.value == together.value == pytest.approx(3.5)
    # Eight patients of two equal images are eight numbers: the interval is √2 times as wide about.
    widths = [each.high - each.low for each in (apart, together) if each.low is not None and each.high is not None]
    assert widths[1] / widths[0] == pytest.approx(2**0.5, rel=0.15)
    # The bootstrap's standard error of eight numbers 0 to 7 is √(5.25 / 8).
    assert widths[1] == pytest.approx(2 * 1.96 * (5.25 / 8) ** 0.5, rel=0.15)


def test_of_one_patient_no_interval_is_known() -> None:
    found = subject(Shrinking(), grey(3), groups=("a",) * 3).mean(torch.tensor([1.0, 2.0, 6.0]))
    assert (found.value, found.low, found.high) == (3.0, None, None)


def test_other_settings_keep_what_was_learned() -> None:
    defense = Shrinking()
    defense.weights_ = {"kept": torch.ones(2)}
    other = subject(defense, grey()).with_settings(steps=3)
    assert other.defense.weights_ is defense.weights_
    assert other.defense.settings() == {"factor": 0.5, "steps": 3, "spread": 0.0}
    x = grey() + 0.4
    assert torch.allclose(other.model.purify(x, other.noise), grey() + 0.4 / 8)
    with pytest.raises(UserError, match="no setting"):
        subject(defense, grey()).with_settings(stepps=3)
