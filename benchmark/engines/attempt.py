"""One step from its computation to its place in the store: whatever a plug-in does in it becomes a reason in words."""

from __future__ import annotations

import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from benchmark.core.errors import in_words
from benchmark.core.undisturbed import PristineImages, process_settings_kept
from benchmark.core.writing import DiskError
from benchmark.records.step_folder import StepRecord
from benchmark.steps.base import Result, Step
from benchmark.steps.context import StepContext

_HARNESS = Path(__file__).parents[1]


def attempt(step: Step, context: StepContext, images: PristineImages) -> str:
    """Compute and save a step; "" or the reason why there is none.

    Raises:
        DiskError: The disk does not take it.
    """
    started = time.monotonic()
    result, reason = _computed(step, context)
    try:
        # Looked at in any case, so that nobody else meets what this step left behind.
        reason = _meddling(context, images) or reason
        if result is None or reason:
            return reason
        record = StepRecord(
            kind=step.kind,
            label=step.label,
            key=step.key,
            spec=step.spec,
            results=result.results,
            seconds=round(time.monotonic() - started, 3),
            device=str(context.device),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        context.store.save(record, result.tensors, result.samples)
    except DiskError:
        raise
    except (Exception, SystemExit, GeneratorExit) as error:
        return reason or in_words(error)
    return ""


def _computed(step: Step, context: StepContext) -> tuple[Result | None, str]:
    """(the result, "") or (None, why there is none), whatever a plug-in raises; DiskError of our own code passes."""
    try:
        with process_settings_kept():
            return step.run(context), ""
    except BaseException as error:
        if isinstance(error, DiskError) and _raised_by_us(error):
            raise
        if isinstance(error, KeyboardInterrupt) and not context.apart:
            raise
        return None, in_words(error)


def _raised_by_us(error: BaseException) -> bool:
    """Whether an error is the harness's own word, and none that a plug-in raises to end the run."""
    *_, last = traceback.walk_tb(error.__traceback__)
    return Path(last[0].f_code.co_filename).is_relative_to(_HARNESS)


def _meddling(context: StepContext, images: PristineImages) -> str:
    """What a step changed that is not its own, in words; it is undone or forgotten."""
    changed = context.take_back()
    found = [f"it changed the weights of the model that it was handed ({', '.join(changed)})"] if changed else []
    if images.restore():
        found.append("it changed the images that all steps work with")
    return "; ".join(found)
