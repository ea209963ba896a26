"""Box-constrained L-BFGS on a batch of independent problems: one evaluation of all of them at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

_ARMIJO = 1e-4
_SHORTEST = 1e-10
"""A line search that has been cut back this far has nothing left to gain in float32."""

Function = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(points [b, D], which problems they belong to, int64 [b]) → values [b], gradients [b, D]."""


@dataclass
class _Problems:
    """What is known of each problem still running; row i of every tensor is one problem's own.

    Attributes:
        rows: Which problems these are: int64 [b].
        x, value, gradient: The accepted point.
        direction, length: The search line, and how far along it the next trial lies.
        moves, changes: The last accepted moves and the changes of the gradient over them: [b, memory, D].
        curvature: 1 / (move · change), 0 where the slot is empty: [b, memory].
    """

    rows: Tensor
    x: Tensor
    value: Tensor
    gradient: Tensor
    direction: Tensor
    length: Tensor
    moves: Tensor
    changes: Tensor
    curvature: Tensor

    def only(self, keep: Tensor) -> _Problems:
        return _Problems(*(getattr(self, f.name)[keep] for f in fields(self)))


def minimize_in_box(function: Function, start: Tensor, *, evaluations: int, memory: int = 8) -> Tensor:
    """Points in [0, 1] at which `function` is small: [B, D] → [B, D].

    L-BFGS directions (Liu and Nocedal 1989) over the pixels that are free to move, and steps cut back along the path
    projected onto the box until they bring enough (Bertsekas 1982). Problems do not influence each other: each has
    its own history and step, and leaves when it has converged.

    Args:
        function: What to minimise, with its gradient; asked only about problems still running.
        start: Where to begin, in [0, 1].
        evaluations: Evaluations of each problem, at most.
        memory: Moves remembered.
    """
    best = start.clone()
    rows = torch.arange(start.shape[0], device=start.device)
    value, gradient = function(start, rows)
    history = start.new_zeros(start.shape[0], memory, start.shape[1])
    # The first step knows no curvature: a tenth of the box for the steepest pixel.
    steepest = gradient.abs().amax(1, keepdim=True).clamp_min(torch.finfo(gradient.dtype).tiny)
    state = _Problems(
        rows, start, value, gradient, -_free(start, gradient) * 0.1 / steepest, torch.ones_like(value),
        history, history, history[:, :, 0],
    )  # fmt: skip
    for _ in range(evaluations - 1):
        running = (state.direction != 0).any(1) & (state.length > _SHORTEST)
        if not bool(running.all()):
            state = state.only(running)
        if not len(state.rows):
            break
        trial = (state.x + state.length[:, None] * state.direction).clamp(0, 1)
        value, gradient = function(trial, state.rows)
        move = trial - state.x
        enough = value <= state.value + _ARMIJO * (state.gradient * move).sum(1)
        best[state.rows[enough]] = trial[enough]
        state = _after(state, enough, trial, value, gradient)
    return best


def _after(state: _Problems, accepted: Tensor, trial: Tensor, value: Tensor, gradient: Tensor) -> _Problems:
    """Accepted trials become the point, with a new direction; the others are tried again, half as far."""
    column = accepted[:, None]
    move, change = trial - state.x, gradient - state.gradient
    agreement = (move * change).sum(1)
    # Only positive curvature makes a descent direction.
    usable = accepted & (agreement > 1e-10 * change.square().sum(1))
    slot = usable[:, None, None]
    moves = torch.where(slot, torch.cat([state.moves[:, 1:], move[:, None]], 1), state.moves)
    changes = torch.where(slot, torch.cat([state.changes[:, 1:], change[:, None]], 1), state.changes)
    inverse = torch.where(usable, 1 / agreement, torch.ones_like(agreement))
    curvature = torch.where(usable[:, None], torch.cat([state.curvature[:, 1:], inverse[:, None]], 1), state.curvature)
    x = torch.where(column, trial, state.x)
    gradient = torch.where(column, gradient, state.gradient)
    value = torch.where(accepted, value, state.value)
    free = _free(x, gradient)
    newton = torch.where(free != 0, -_inverse_hessian(free, moves, changes, curvature), torch.zeros_like(free))
    descends = (newton * gradient).sum(1) < 0
    direction = torch.where((accepted & descends)[:, None], newton, torch.where(column, -free, state.direction))
    length = torch.where(accepted, torch.ones_like(state.length), state.length / 2)
    return _Problems(state.rows, x, value, gradient, direction, length, moves, changes, curvature)


def _free(x: Tensor, gradient: Tensor) -> Tensor:
    """The gradient without the pixels that descent would push out of the box."""
    held = ((x <= 0) & (gradient > 0)) | ((x >= 1) & (gradient < 0))
    return torch.where(held, torch.zeros_like(gradient), gradient)


def _inverse_hessian(vector: Tensor, moves: Tensor, changes: Tensor, curvature: Tensor) -> Tensor:
    """The two-loop recursion (Nocedal and Wright 2006, algorithm 7.4); empty slots have curvature 0 and do nothing."""
    memory = moves.shape[1]
    weights = torch.zeros_like(curvature)
    for slot in reversed(range(memory)):
        weights[:, slot] = curvature[:, slot] * (moves[:, slot] * vector).sum(1)
        vector = vector - weights[:, slot, None] * changes[:, slot]
    newest = changes[:, -1].square().sum(1) * curvature[:, -1]
    vector = vector / torch.where(newest > 0, newest, torch.ones_like(newest))[:, None]
    for slot in range(memory):
        correction = weights[:, slot] - curvature[:, slot] * (changes[:, slot] * vector).sum(1)
        vector = vector + correction[:, None] * moves[:, slot]
    return vector
