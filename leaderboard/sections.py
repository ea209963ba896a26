"""Every section of the board, in the order of the documents."""

from __future__ import annotations

from leaderboard.attacks.section import Attacks
from leaderboard.clinical.section import Clinical
from leaderboard.detection.section import Detection
from leaderboard.diagnosis.section import Diagnoses
from leaderboard.flags.section import Flags
from leaderboard.per_class.section import PerClass
from leaderboard.randomness.section import Randomness
from leaderboard.ranking.section import Ranks
from leaderboard.reference.section import ConstantAnswer
from leaderboard.robustness.section import Robustness
from leaderboard.row_notes.section import RowNotes
from leaderboard.section import Section
from leaderboard.survival.section import Survival
from leaderboard.transfer.section import Transfer

SECTIONS: tuple[type[Section], ...] = (
    Robustness,
    Ranks,
    Attacks,
    Randomness,
    Diagnoses,
    Clinical,
    PerClass,
    RowNotes,
    Flags,
    Survival,
    Detection,
    ConstantAnswer,
    Transfer,
)
