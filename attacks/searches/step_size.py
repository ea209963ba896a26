"""How far one step goes."""

from __future__ import annotations

from benchmark.core.threat import Epsilon


def reach_of_steps(step_size: str | float | None, *, epsilon: float, steps: int, reach: float) -> float:
    """How far all steps go together, in units of ε."""
    return steps * resolve_step_size(step_size, epsilon=epsilon, steps=steps, reach=reach) / epsilon


def resolve_step_size(step_size: str | float | None, *, epsilon: float, steps: int, reach: float) -> float:
    """The step as written ("1/255"), or `reach`·ε/steps: `reach` times the radius, spread over all steps."""
    if step_size is None:
        return reach * epsilon / max(steps, 1)
    return Epsilon.parse(step_size, where="step_size").value
