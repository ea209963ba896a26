"""The share of an attack step that is not the model: keyed noise, projection, bookkeeping."""

from __future__ import annotations

import time

import torch

from attacks.base import Composition, Stop
from attacks.objectives.aim import Aim
from attacks.pgd import PGD
from benchmark.core.defended import DefendedModel
from benchmark.core.frozen import frozen
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.models.small_cnn import SmallCNN
from benchmark.models.training.classifier import assemble

STEPS, ROWS, ROUNDS = 20, 128, 5


def test_time_outside_model_passes() -> None:
    """PGD against the bare forward and backward passes that it makes, side by side in alternating rounds."""
    model = assemble(SmallCNN(), shape=(1, 28, 28), classes=2).eval()
    x = Noise.of(0, range(ROWS)).uniform((1, 28, 28))
    defended, noise = DefendedModel(model), Noise.of(0, range(ROWS))
    with torch.no_grad():
        aim = Aim(model(x).argmax(1))
    composition = Composition(Norm.LINF, Epsilon.parse("8/255"), stop=Stop.NEVER)

    def bare() -> None:
        with frozen(model):
            for _ in range(STEPS):
                leaf = x.detach().requires_grad_(True)
                loss = torch.nn.functional.cross_entropy(model(leaf), aim.labels, reduction="sum")
                torch.autograd.grad(loss, leaf)
            with torch.no_grad():
                model(x)
                model(x)

    def attack() -> None:
        PGD(steps=STEPS)(defended, x, aim, noise, composition)

    times: dict[str, list[float]] = {"bare": [], "attack": []}
    for _ in range(ROUNDS):
        for name, run in (("bare", bare), ("attack", attack)):
            started = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - started)
    passes, whole = min(times["bare"]), min(times["attack"])
    share = 1 - passes / whole
    print(f"\n{STEPS} steps on {ROWS} images: passes {passes:.3f} s, attack {whole:.3f} s, outside {share:.1%}")
