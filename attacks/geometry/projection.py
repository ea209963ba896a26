"""The nearest image on a plane: projection onto a hyperplane cut with the box [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.core.threat import Norm


def onto_plane(x: Tensor, normal: Tensor, gap: Tensor, norm: Norm) -> Tensor:
    """The smallest δ with gap + normal · δ = 0 and x + δ in [0, 1] (Croce and Hein 2020, eq. 4).

    Solved exactly for each row: the gain of a perturbation is a piecewise linear function of one multiplier, whose
    kinks are where pixels meet the box. Where the box does not reach the plane, δ goes as far towards it as it can.

    Args:
        x: Images in [0, 1]: [B, C, H, W].
        normal: The plane's normal, of the shape of `x`.
        gap: The value at `x`: [B]; the plane is where it is zero.
        norm: L∞, L2 or L1: what "smallest" means.

    Returns:
        δ, of the shape of `x`.
    """
    slope = normal.flatten(1).double() * -gap.sign().double()[:, None]
    point = x.flatten(1).double()
    room = torch.where(slope > 0, 1 - point, point)
    weight, need = slope.abs(), gap.abs().double()
    if norm is Norm.L1:
        amount = _fill_steepest_first(weight, room, need)
    else:
        # L∞ moves all pixels alike, L2 in proportion to their weight.
        amount = _move_together(weight, room, need, (weight > 0).double() if norm is Norm.LINF else weight)
    return (slope.sign() * amount).to(x.dtype).view_as(x)


def _move_together(weight: Tensor, room: Tensor, need: Tensor, speed: Tensor) -> Tensor:
    """How far each pixel goes if it moves by λ · speed, but no farther than its room, and all gain `need`: [B, D]."""
    kink = torch.where(speed > 0, room / speed, torch.full_like(room, float("inf")))
    ordered, order = kink.sort(dim=1, stable=True)
    full = (weight * room).gather(1, order)
    growth = (weight * speed).gather(1, order)
    stopped = full.cumsum(1) - full
    moving = growth.flip(1).cumsum(1).flip(1)
    multiplier = (need[:, None] - stopped) / moving.clamp_min(1e-300)
    first = (multiplier <= ordered).to(torch.int8).argmax(1, keepdim=True)
    chosen = multiplier.gather(1, first)
    enough = chosen <= ordered.gather(1, first)
    chosen = torch.where(enough, chosen.clamp_min(0), torch.full_like(chosen, float("inf")))
    return torch.minimum(torch.where(speed > 0, chosen * speed, torch.zeros_like(speed)), room)


def _fill_steepest_first(weight: Tensor, room: Tensor, need: Tensor) -> Tensor:
    """L1: pixels are used up one after the other, those of the largest weight first: [B, D]."""
    order = weight.argsort(dim=1, descending=True, stable=True)
    gain = (weight * room).gather(1, order)
    missing = need[:, None] - (gain.cumsum(1) - gain)
    share = (missing / gain.clamp_min(1e-300)).clamp(0, 1)
    share = torch.where(gain > 0, share, torch.zeros_like(share))
    return torch.zeros_like(room).scatter(1, order, share * room.gather(1, order))
