"""Nothing that these tests define stays registered."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _forget_what_is_defined(registry):
    pass


@pytest.fixture
def complaint():
    """What a check says of a plug-in; fails when it says nothing."""

    def complaint(check, plugin):
        with pytest.raises(AssertionError) as caught:
            check(plugin)
        return str(caught.value)

    return complaint
