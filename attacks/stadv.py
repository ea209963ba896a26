"""stAdv: spatially transformed adversarial examples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from attacks.effort import Effort
from attacks.geometry.warp import pixel_positions, read_at
from attacks.objectives.base import Objective
from attacks.objectives.margin import Margin
from attacks.searches.iterative import IterativeAttack, State
from attacks.searches.step_size import reach_of_steps, resolve_step_size
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.settings import Count, Length, NotNegative
from benchmark.core.threat import Epsilon, Norm

_MEAN_DECAY, _SQUARE_DECAY = 0.9, 0.999


@dataclass(frozen=True)
class FlowState(State):
    """A flow and what Adam remembers of its gradient.

    Attributes:
        flow: How far each pixel's value comes from, (down, right) in pixels: [B, H, W, 2].
        mean, square: Running mean of the gradient and of its square.
    """

    flow: Tensor
    mean: Tensor
    square: Tensor


class StAdv(IterativeAttack):
    """Bends the image: every pixel is read a little beside its place, along a smooth flow found by gradient ascent.

    Maximises the objective minus τ · Σ over neighbouring pixels of the distance between their flows (eqs. 3 and 4), by
    Adam where the paper uses L-BFGS, which knows no bound. After each step flows longer than ε are cut to ε. Values
    from beyond the border are those of the nearest pixel, and reading is bilinear (eq. 1).

    ε is the longest flow in pixels: a suite writes `norm = "spatial"` and, say, `epsilon = "2"`.

    Args:
        steps: Number of steps T.
        step_size: Adam's step in pixels; 2.5ε/T by default.
        smoothness: τ. The paper's 0.05 outweighs the margin of a small network: more steps then break fewer images.
    """

    name = "stadv"
    source = "Xiao et al. 2018, Spatially transformed adversarial examples, eqs. 1 to 4"
    norms = frozenset({Norm.SPATIAL})

    def __init__(self, *, steps: Count = 50, step_size: Length | None = None, smoothness: NotNegative = 0.005) -> None:
        self.steps = steps
        self.step_size = step_size
        self.smoothness = smoothness

    def default_objective(self) -> Objective:
        return Margin()

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        reach = reach_of_steps(self.step_size, epsilon=epsilon, steps=self.steps, reach=2.5)
        return replace(super().effort(norm, epsilon), reach=reach)

    def bound(self, norm: Norm, epsilon: Epsilon) -> str:
        return f"each pixel read at most {epsilon} pixels from its place, along a smooth flow"

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> FlowState:
        still = x.new_zeros(x.shape[0], *x.shape[2:], 2)
        return FlowState(x, still, still, still)

    def step(self, victim: Victim, state: FlowState, noise: Noise) -> FlowState:
        clean, epsilon = victim.ball.center, victim.ball.epsilon
        size = resolve_step_size(self.step_size, epsilon=epsilon, steps=self.steps, reach=2.5)
        ascent = self._through_the_flow(clean, state.flow, victim.gradient(state.x, noise))
        mean = _MEAN_DECAY * state.mean + (1 - _MEAN_DECAY) * ascent
        square = _SQUARE_DECAY * state.square + (1 - _SQUARE_DECAY) * ascent.square()
        taken = noise.step + 1
        unbiased = mean / (1 - _MEAN_DECAY**taken)
        spread = (square / (1 - _SQUARE_DECAY**taken)).sqrt()
        # A pixel whose flow changes nothing has neither; 0 / tiny leaves it where it is.
        flow = shortened(state.flow + size * unbiased / spread.clamp_min(1e-12), epsilon)
        return FlowState(bent(clean, flow), flow, mean, square)

    def _through_the_flow(self, clean: Tensor, flow: Tensor, gradient: Tensor) -> Tensor:
        """From the gradient at the bent image to the gradient by the flow, smoothness included: [B, H, W, 2]."""
        with torch.enable_grad():
            leaf = flow.detach().requires_grad_(True)
            gain = (bent(clean, leaf) * gradient).sum() - self.smoothness * roughness(leaf).sum()
            return torch.autograd.grad(gain, leaf)[0]


def bent(images: Tensor, flow: Tensor) -> Tensor:
    """Images [B, C, H, W] read at each pixel's place plus its flow [B, H, W, 2]."""
    return read_at(images, pixel_positions(images) + flow, outside="border")


def roughness(flow: Tensor) -> Tensor:
    """Σ over neighbours of ‖flow(p) − flow(q)‖₂ (eq. 4): [B, H, W, 2] → [B]."""
    down, right = flow.diff(dim=1), flow.diff(dim=2)
    # The root has no slope at zero; this much below a millionth of a pixel gives it one.
    return sum((d.square().sum(3) + 1e-12).sqrt().flatten(1).sum(1) for d in (down, right))  # type: ignore[return-value]


def shortened(flow: Tensor, longest: float) -> Tensor:
    """The flow with every vector [.., 2] at most `longest` pixels long."""
    return flow * (longest / flow.norm(dim=3, keepdim=True).clamp_min(1e-12)).clamp(max=1)
