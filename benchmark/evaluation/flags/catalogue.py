"""All flags, in the order of the documentation."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence
from benchmark.evaluation.flags.black_box_beats_white_box import BlackBoxBeatsWhiteBox
from benchmark.evaluation.flags.in_threat_model import InThreatModel
from benchmark.evaluation.flags.one_step_beats_iterative import OneStepBeatsIterative
from benchmark.evaluation.flags.sample_size import SampleSize
from benchmark.evaluation.flags.silent_success import SilentSuccess
from benchmark.evaluation.flags.transfer_beats_white_box import TransferBeatsWhiteBox

CHECKS: tuple[FlagCheck, ...] = (
    InThreatModel(),
    OneStepBeatsIterative(),
    BlackBoxBeatsWhiteBox(),
    SilentSuccess(),
    TransferBeatsWhiteBox(),
    SampleSize(),
)

PLANNED = (
    "clean_reproduced",
    "random_noise_beats_gradient",
    "unbounded_fails",
    "eps_monotone",
    "zero_gradient",
    "unstable_landscape",
    "incomplete_optimisation",
    "not_converged",
    "randomised",
    "dynamic",
    "softmax_output",
    "batch_dependence",
    "train_mode",
    "bpda_component_alone",
    "detector_joint",
    "known_broken_control",
)
"""Flags of the protocol that this version does not compute; every row shows them as not run."""


def evaluate_flags(row: RowEvidence) -> list[Flag]:
    """Every computed flag of a row."""
    return [check.evaluate(row) for check in CHECKS]
