"""Whether a plug-in leaves the world as it found it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.testing.claims import Claims


@contextmanager
def global_randomness(claims: Claims, task: str, *, seed: int, may_draw: bool = False) -> Iterator[None]:
    """Seed the three global generators, claim that the block draws from none of them, and put them back.

    Run twice with different seeds, a plug-in whose results rest on a global generator gives different results.

    Args:
        claims: Of the plug-in.
        task: What the block does, in the third person.
        seed: For the global generators.
        may_draw: Claim nothing: building a network draws first weights, even where others are loaded into it.
    """
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 - the global one is meant
    try:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.default_generator.manual_seed(seed)
        started = _states()
        yield
        ended = _states()
        for name in started:
            claims.holds(
                may_draw or started[name] == ended[name],
                f"draws from or reseeds the global random state of {name} while it {task}; "
                "use the Noise it is given, or a generator of its own",
            )
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        torch.set_rng_state(before[2])


def _states() -> dict[str, bytes]:
    numpy_state: Any = np.random.get_state()  # noqa: NPY002
    return {
        "random": repr(random.getstate()).encode(),
        "numpy": numpy_state[1].tobytes() + str(numpy_state[2:]).encode(),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }


@contextmanager
def untouched(claims: Claims, task: str, network: nn.Module) -> Iterator[None]:
    """Claim that the block leaves a network's weights, buffers, modes, gradients and torch's settings as they were."""
    before = _condition(network)
    yield
    after = _condition(network)
    for what in before:
        claims.holds(_same(before[what], after[what]), f"changes {what} while it {task}")


def _condition(network: nn.Module) -> dict[str, Any]:
    return {
        "the classifier's weights or buffers": {k: v.detach().clone() for k, v in network.state_dict().items()},
        "the classifier's train or eval mode": [m.training for m in network.modules()],
        "which of the classifier's parameters require a gradient": [p.requires_grad for p in network.parameters()],
        "the classifier's stored gradients": [p.grad is not None for p in network.parameters()],
        "the hooks on the classifier": [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules()],
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's default data type": torch.get_default_dtype(),
    }


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    return bool(one == other)


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(torch.equal(one, other))
