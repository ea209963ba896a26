"""Every table that is enabled makes a plug-in, whether or not the command line asks for it this time."""

from __future__ import annotations

from benchmark.core.bounds import perturbation_bound
from benchmark.planning.context import Context


def check_tables(context: Context) -> None:
    """Raise UserError for a table that makes no plug-in, an unknown one or one of values out of their ranges."""
    suite, shape = context.suite, context.data.train.shape
    if suite.data.name != context.data.name:
        # Otherwise it is the one that the images were loaded by.
        context.dataset(suite.data)
    for label, defense in suite.defense.items():
        if defense.enabled:
            context.defense(label, defense)
    for label, detector in suite.detector.items():
        if detector.enabled:
            context.detector(label, detector)
    for label, study in suite.study.items():
        if study.enabled:
            context.study(label, study)
    for name, section in (("robustness", suite.robustness), ("detection", suite.detection)):
        if section is None:
            continue
        perturbation_bound(section.epsilon, section.norm, shape, where=f"{context.where}: {name}.epsilon")
        for label, attack in section.attack.items():
            if attack.enabled:
                context.attack(label, attack, name)
