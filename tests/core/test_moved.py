"""Old names of modules."""

from __future__ import annotations

import importlib

import pytest

from benchmark.core.moved import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name_is_the_module_itself(old: str) -> None:
    there = importlib.import_module(MOVED[old])
    assert importlib.import_module(old) is there
    assert there.__spec__ is not None
    assert (there.__name__, there.__spec__.name) == (MOVED[old], MOVED[old])
