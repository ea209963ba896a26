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
        return Path(os.path.expanduser(given))
    if os.environ.get(VARIABLE):
        return Path(os.path.expanduser(os.environ[VARIABLE]))
    from platformdirs import user_cache_path

    return user_cache_path("medrobust")
