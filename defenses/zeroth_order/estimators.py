"""Gradients of a function that can only be evaluated: random directions (RGE) and coordinates (CGE)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor], Tensor]
"""Evaluates M points for each of B samples: points [B, M, d] → losses [B, M]."""

_COORDINATES = 64
"""Coordinates probed in one evaluation, which bounds the memory that CGE needs."""


def unit_sphere(normals: Tensor) -> Tensor:
    """Directions drawn uniformly from the unit sphere, made of standard normal vectors [..., d]."""
    directions: Tensor = normals / normals.norm(dim=-1, keepdim=True)
    return directions


def random_gradient_estimate(loss: Loss, points: Tensor, directions: Tensor, mu: float) -> Tensor:
    """RGE, Zhang et al. 2022 eq. (4): (d / (μ q)) Σ_i (l(z + μ u_i) − l(z)) u_i, by q + 1 evaluations a sample.

    Unbiased up to O(μ); one direction has variance of about d ‖∇l‖², so the angle to the gradient has cosine
    near √(q / (q + d − 1)).

    Args:
        loss: The function, evaluated q + 1 times a sample.
        points: z, [B, d].
        directions: u, [B, q, d], on the unit sphere.
        mu: Length of a probe, in the units of `points`.

    Returns:
        Estimate of ∇l(z), [B, d].
    """
    dimension, count = points.shape[1], directions.shape[1]
    centre = points[:, None]
    values = loss(torch.cat([centre, centre + mu * directions], 1))
    differences = values[:, 1:] - values[:, :1]
    return torch.einsum("bq,bqd->bd", differences, directions) * (dimension / (mu * count))


def coordinate_gradient_estimate(loss: Loss, points: Tensor, mu: float) -> Tensor:
    """CGE: (l(z + μ e_i) − l(z − μ e_i)) / 2μ for every coordinate i, by 2d evaluations a sample.

    Central differences, as the code of Zhang et al. 2022 has them (their eq. (5) is forward): exact on quadratics,
    where the forward difference is off by μ/2 times the curvature.

    Args:
        loss: The function, evaluated 2d times a sample.
        points: z, [B, d].
        mu: Length of a probe, in the units of `points`.

    Returns:
        Estimate of ∇l(z), [B, d].
    """
    centre = points[:, None]
    steps = (mu * torch.eye(points.shape[1], dtype=points.dtype, device=points.device)).split(_COORDINATES)
    parts = []
    for step in steps:
        values = loss(torch.cat([centre + step, centre - step], 1))
        parts.append(values[:, : len(step)] - values[:, len(step) :])
    return torch.cat(parts, 1) / (2 * mu)


def linear_surrogate(points: Tensor, estimate: Tensor) -> Tensor:
    """⟨a, z⟩ per sample, [B]: its gradient with respect to what made z is Jᵀa, for the constant a = `estimate`."""
    return (points * estimate.detach()).sum(1)
