"""From stored values of more than 8 bits to what a display shows: a window, mapped to 0 … 255."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmark.core.errors import UserError

_AT_ONCE = 2**20
_NARROWEST = 1e-9
Bounds = tuple[float, float]


def bounds(written: Sequence[float] | None) -> Bounds | None:
    """[low, high] as a setting; raises UserError where nothing lies between them."""
    if written is None:
        return None
    low, high = map(float, written)
    if not (math.isfinite(low + high) and low < high):
        raise UserError(f"window = {list(written)} is empty", remedy="give [low, high], the lower number first")
    return low, high


@dataclass(frozen=True)
class Window:
    """The values that are shown as black and as white.

    Attributes:
        low: Shown as black, as is all below; in stored units, for DICOM after rescale slope and intercept.
        high: Shown as white, as is all above.
        chosen: Who chose it: the user, the file's own header, or nobody, so that it is all that the bits can hold.
    """

    low: float
    high: float
    chosen: Literal["setting", "header", "full range"]


def table(values: NDArray[np.float64], window: Window, *, inverted: bool) -> NDArray[np.uint8]:
    """What is shown for each of `values`: 255·(v - low)/(high - low), cut at both ends and rounded.

    Args:
        values: One for each pattern of bits that a pixel can have.
        window: Where low equals high, all above is white.
        inverted: The smallest value is white (MONOCHROME1, WhiteIsZero).
    """
    share = np.clip((values - window.low) / max(window.high - window.low, _NARROWEST), 0, 1)
    return np.rint(255 * (1 - share if inverted else share)).astype(np.uint8)


def through(shown: NDArray[np.uint8], patterns: NDArray[Any]) -> NDArray[np.uint8]:
    """`shown[patterns]`, without the eight bytes a pixel that numpy takes for that."""
    flat, result = patterns.reshape(-1), np.empty(patterns.size, np.uint8)
    for start in range(0, flat.size, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        result[part] = shown[flat[part]]
    return result.reshape(patterns.shape)


def window_notes(windows: Iterable[Window | None]) -> list[str]:
    """What a reader must know of the images that were shown in a window; None stands for one that was not."""
    counts = Counter(window for window in windows if window)
    if not counts:
        return []
    notes = []
    fixed = sorted((w for w in counts if w.chosen != "header"), key=lambda w: (w.chosen, w.low, w.high))
    for window in fixed:
        why = "as set" if window.chosen == "setting" else "the full range of their bits; set window to choose another"
        unit = (window.high - window.low) / 255
        notes.append(
            f"{_images(counts[window])} shown in the window {window.low:,g} to {window.high:,g} ({why}); "
            f"ε is in units of the displayed window, of which 1/255 is {unit:,.6g} of the file"
        )
    own = {window: count for window, count in counts.items() if window.chosen == "header"}
    if own:
        each = "each in the window of its header" if len(own) > 1 else "in the window of the header"
        units = sorted((window.high - window.low) / 255 for window in own)
        span = f"{units[0]:,.6g}" + (f" to {units[-1]:,.6g}" if units[-1] > units[0] else "")
        notes.append(
            f"{_images(sum(own.values()))} shown {each}; "
            f"ε is in units of the displayed window, of which 1/255 is {span} of the file"
        )
    return notes


def _images(count: int) -> str:
    return f"{count:,} image{' is' if count == 1 else 's are'}"
