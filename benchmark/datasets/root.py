"""Where the data lie."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "MEDROBUST_DATA"


def data_root(given: Path | None = None) -> Path:
    """The folder that holds the data: `given` (--data-root), else MEDROBUST_DATA, else the user's cache folder.

    It need not exist: a data set that does not find its files there says so.
    """
    if given is not None:
        return given.expanduser()
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE]).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("medrobust")
