"""What a command's exit status says; `docs/exit-statuses.md` is the table."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """The statuses that a command ends with."""

    DONE = 0
    SOME_FAILED = 1
    """The command went to its end and wrote what it could; some of what was asked for is an error."""
    REFUSED = 2
    """Input, data or the environment do not allow it."""
    STAND_IN = 3
    """All went well, on drawn images that stood in for data which are not there."""
    BELOW_FLOOR = 4
    """All was computed, and a ranked row keeps less than `--fail-below` asks."""
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143
