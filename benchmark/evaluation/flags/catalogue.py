"""All flags, in the order of the documentation."""

from __future__ import annotations

from benchmark.evaluation.flags.asker_dependence import AskerDependence
from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence, reason_of
from benchmark.evaluation.flags.batch_dependence import BatchDependence
from benchmark.evaluation.flags.black_box_beats_white_box import BlackBoxBeatsWhiteBox
from benchmark.evaluation.flags.bpda_component_alone import BPDAComponentAlone
from benchmark.evaluation.flags.clean_reproduced import CleanReproduced
from benchmark.evaluation.flags.detector_joint import DetectorJoint
from benchmark.evaluation.flags.dynamic import Dynamic
from benchmark.evaluation.flags.eps_monotone import EpsMonotone
from benchmark.evaluation.flags.gradient_contradicted import GradientContradicted
from benchmark.evaluation.flags.in_threat_model import InThreatModel
from benchmark.evaluation.flags.incomplete_optimisation import IncompleteOptimisation
from benchmark.evaluation.flags.known_broken_control import KnownBrokenControl
from benchmark.evaluation.flags.leaked_images import LeakedImages
from benchmark.evaluation.flags.memorised_images import MemorisedImages
from benchmark.evaluation.flags.not_converged import NotConverged
from benchmark.evaluation.flags.one_step_beats_iterative import OneStepBeatsIterative
from benchmark.evaluation.flags.probe_beats_row import ProbeBeatsRow
from benchmark.evaluation.flags.random_noise_beats_gradient import RandomNoiseBeatsGradient
from benchmark.evaluation.flags.randomised import Randomised
from benchmark.evaluation.flags.replayed_answers import ReplayedAnswers
from benchmark.evaluation.flags.replayed_gradients import ReplayedGradients
from benchmark.evaluation.flags.sample_size import SampleSize
from benchmark.evaluation.flags.silent_success import SilentSuccess
from benchmark.evaluation.flags.softmax_output import SoftmaxOutput
from benchmark.evaluation.flags.train_mode import TrainMode
from benchmark.evaluation.flags.transfer_beats_white_box import TransferBeatsWhiteBox
from benchmark.evaluation.flags.unbounded_fails import UnboundedFails
from benchmark.evaluation.flags.unstable_landscape import UnstableLandscape
from benchmark.evaluation.flags.zero_gradient import ZeroGradient

CHECKS: tuple[FlagCheck, ...] = (
    CleanReproduced(),
    InThreatModel(),
    OneStepBeatsIterative(),
    BlackBoxBeatsWhiteBox(),
    RandomNoiseBeatsGradient(),
    UnboundedFails(),
    EpsMonotone(),
    ZeroGradient(),
    GradientContradicted(),
    UnstableLandscape(),
    SilentSuccess(),
    IncompleteOptimisation(),
    NotConverged(),
    Randomised(),
    Dynamic(),
    SoftmaxOutput(),
    BatchDependence(),
    AskerDependence(),
    ReplayedAnswers(),
    ReplayedGradients(),
    TrainMode(),
    TransferBeatsWhiteBox(),
    ProbeBeatsRow(),
    BPDAComponentAlone(),
    DetectorJoint(),
    MemorisedImages(),
    LeakedImages(),
    KnownBrokenControl(),
    SampleSize(),
)


def evaluate_flags(row: RowEvidence) -> list[Flag]:
    """Every flag of a row; one whose evidence is missing or cannot be read is `not-run` and takes no other with it."""
    return [_evaluated(check, row) for check in CHECKS]


def _evaluated(check: FlagCheck, row: RowEvidence) -> Flag:
    try:
        return check.evaluate(row)
    except Exception as error:
        # Records are what a model answered: whatever they hold, the rest of the board stands.
        return check.not_run(f"could not be judged: {reason_of(error)}")
