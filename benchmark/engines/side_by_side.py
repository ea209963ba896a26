"""Several steps at a time, each at a desk of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing.connection import wait

from benchmark.core.progress import Progress
from benchmark.engines.base import Account
from benchmark.engines.desk import Desk
from benchmark.engines.worker import LISTEN
from benchmark.steps.base import Step


class _Own(Progress):
    """The display of one of the steps, in a display of all of them."""

    def __init__(self, shared: Progress, key: str) -> None:
        super().__init__()
        self._shared, self._key = shared, key

    def expect(self, total: int) -> None:
        self._shared.turn_to(self._key)
        self._shared.expect(total)

    def advance(self, images: int) -> None:
        self._shared.turn_to(self._key)
        self._shared.advance(images)

    def fraction(self, part: float, note: str = "") -> None:
        self._shared.turn_to(self._key)
        self._shared.fraction(part, note)

    def say(self, text: str) -> None:
        self._shared.turn_to(self._key)
        self._shared.say(text)


def side_by_side(steps: Sequence[Step], desks: Sequence[Desk], account: Account, progress: Progress) -> None:
    """Compute every step that is not finished, in this order, each as soon as what it needs is and a desk is free.

    The desks are ended.

    Args:
        steps: What each needs stands before it, or is none of these.
        desks: Where they are computed.
        account: Is told what became of each.
        progress: The display.

    Raises:
        UserError, OSError: No step can be saved.
    """
    waiting, busy = list(steps), dict[Desk, Step]()
    with ExitStack() as ends:
        # Each is ended, also where the end of another is interrupted.
        for desk in desks:
            ends.callback(desk.end)
        while waiting or busy:
            for desk in desks:
                if desk in busy:
                    continue
                if (step := _next(waiting, busy, account)) is None:
                    # Nor is there any for the other desks.
                    break
                account.begin(step)
                desk.begin(step, _Own(progress, step.key))
                busy[desk] = step
            if busy:
                _listen(busy)
            for desk, step in list(busy.items()):
                reason = desk.outcome(0)
                if reason is not None:
                    del busy[desk]
                    account.end(step, reason)


def _next(waiting: list[Step], busy: dict[Desk, Step], account: Account) -> Step | None:
    """The first that can be computed now, taken out of those that wait, with those where nothing is left to do."""
    open_ = {step.key for step in (*waiting, *busy.values())}
    for step in list(waiting):
        if open_.isdisjoint(need.key for need in step.needs):
            waiting.remove(step)
            open_.discard(step.key)
            if not account.settled(step):
                return step
    return None


def _listen(busy: dict[Desk, Step]) -> None:
    """Wait until one of the desks has something to tell, or may have ended without a word."""
    heard = [descriptor for desk in busy for descriptor in desk.heard_at()]
    if heard:
        wait(heard, LISTEN)
    else:
        time.sleep(LISTEN)
