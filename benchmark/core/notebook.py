"""A line of text below a notebook's cell that can be rewritten."""

from __future__ import annotations

import sys
from typing import Any


def in_notebook() -> bool:
    """Whether this is the process of a notebook: IPython with a front end that is no terminal."""
    shell = sys.modules.get("IPython")
    running = None if shell is None else shell.get_ipython()
    return getattr(running, "kernel", None) is not None


class NotebookLine:
    """Plain text in one place, so that no widget and no extension of the front end is needed."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, text: str) -> None:
        """Put `text` in the place of what was there."""
        from IPython.display import display

        show: Any = display

        content = {"text/plain": text}
        if self._handle is None:
            self._handle = show(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)
