"""Every plug-in of the project, whatever its kind, keeps its contract."""

from __future__ import annotations

import pytest

from benchmark import testing
from benchmark.core.discovery import load_plugins
from benchmark.core.plugin import KINDS, registered

SMALL_ENERGY = {"features": 4, "training_steps": 4, "iterations": 6, "bank_size": 64, "long_run_steps": 2}
SETTINGS = {
    # What is slow with its defaults: one line each. Everything else runs as it is.
    "attack:apgd": {"steps": 20},
    "attack:closest-guide": {"steps": 10},
    "attack:cw-l2": {"steps": 20, "searches": 2},
    "attack:ddn": {"steps": 20},
    "attack:detector-min": {"steps": 5, "pairs": 2},
    "attack:ead": {"steps": 20, "searches": 2},
    "attack:fab": {"steps": 10},
    "attack:fmn": {"steps": 20},
    "attack:hopskipjump": {"queries": 150, "evaluations": 10},
    "attack:jsma": {"steps": 20},
    "attack:kde-min": {"steps": 10},
    "attack:lbfgs": {"searches": 2, "evaluations": 5},
    "attack:lid-min": {"steps": 10},
    "attack:low-frequency": {"steps": 20},
    "attack:nes": {"steps": 10, "pairs": 5},
    "attack:one-pixel": {"queries": 60, "population": 10},
    "attack:random-guide": {"steps": 10},
    "attack:random-noise": {"draws": 50},
    "attack:rotation-translation": {"angles": 5, "shifts": 3},
    "attack:square": {"queries": 60},
    "attack:stadv": {"steps": 15},
    "attack:standard-v1": {"steps": 5, "queries": 30},
    "attack:transfer-ensemble": {"steps": 10},
    "attack:uap": {"epochs": 2},
    "dataset:chest-phantom": {"count": 200},
    "gradient:zeroth-order": {"pairs": 8},
    "defense:adversarial-training": {"epochs": 2, "steps": 2, "validation_steps": 2},
    "defense:diffusion-purification": {"steps": 4, "width": 8, "iterations": 40, "votes": 2},
    "defense:ebm-reconstruction": {"features": 4, "steps": 2, "descents": 2, "rolls": 1, "iterations": 6, "votes": 2},
    "defense:score-purification": {"width": 8, "iterations": 40, "votes": 2},
    "study:gradient-fidelity": {"draws": 2, "steps": 3},
    "study:purification-triangle": {"steps": 3, "draws": 2},
    "study:saturation": {"values": (1, 3), "draws": 2},
    "defense:conv-ebm": {**SMALL_ENERGY, "steps": 4, "votes": 2},
    "defense:ebm": {**SMALL_ENERGY, "steps": 4, "votes": 2},
    "defense:advprop": {"epochs": 2, "steps": 2, "validation_steps": 2},
    "defense:awp": {"epochs": 2, "steps": 2, "validation_steps": 2},
    "defense:bpda-at": {"epochs": 2, "energy_iterations": 2, "validation_steps": 2},
    "defense:clean-and-adversarial": {"epochs": 2, "steps": 2, "validation_steps": 2},
    "defense:defensive-distillation": {"epochs": 2},
    "defense:fast-at": {"epochs": 2, "validation_steps": 2},
    "defense:mart": {"epochs": 2, "steps": 2, "validation_steps": 2},
    "defense:trades": {"epochs": 2, "steps": 2, "validation_steps": 2},
    "defense:zo-ae-ds": {"width": 8, "depth": 2, "denoiser_epochs": 1, "autoencoder_epochs": 1, "steps": 4, "votes": 2},
}
ELSEWHERE = {
    "dataset": "all but the drawn phantom need files; tests/datasets reads them",
    "classifier:given": "needs a network that a program holds; tests/one_call gives it one",
    "classifier:module": "needs a network of the user's; tests/models gives it one",
    "classifier:resnet50": "24 million parameters; tests/models builds it",
    "classifier:vgg16": "130 million parameters; tests/models builds it",
    "defense:pretrained-diffusion": "needs a folder that diffusers saved; tests/defenses/pretrained draws it",
}
"""What is not run here, and why."""


def plugins():
    load_plugins()
    for kind in KINDS:
        for name, plugin in registered(kind).items():
            key = f"{kind}:{name}"
            listed = key in ELSEWHERE or (kind in ELSEWHERE and name != "chest-phantom")
            # Tests define plug-ins, too.
            if not listed and plugin.__module__.startswith(("attacks.", "defenses.", "detectors.", "benchmark.")):
                yield pytest.param(plugin, SETTINGS.get(key, {}), id=key)


@pytest.mark.parametrize(("plugin", "settings"), plugins())
def test_keeps_its_contract(plugin, settings):
    check = getattr(testing, f"check_{plugin.kind}")
    check(plugin(**settings) if settings else plugin)


def test_the_tables_name_only_what_exists():
    known = {f"{kind}:{name}" for kind in KINDS for name in registered(kind)} | set(KINDS)
    assert set(SETTINGS) | set(ELSEWHERE) <= known
