"""Every section of the board, in the order of the documents."""

from __future__ import annotations

from leaderboard.attacks.section import Attacks
from leaderboard.clinical.section import Clinical
from leaderboard.detection.section import Detection
from leaderboard.diagnosis.section import Diagnoses
from leaderboard.energies.section import Energies
from leaderboard.epsilon.section import AgainstEpsilon
from leaderboard.findings.section import Findings
from leaderboard.flags.section import Flags
from leaderboard.per_class.section import PerClass
from leaderboard.randomness.section import Randomness
from leaderboard.ranking.section import Ranks
from leaderboard.reference.section import ConstantAnswer
from leaderboard.robustness.section import Robustness
from leaderboard.row_notes.section import RowNotes
from leaderboard.section import Section
from leaderboard.strip.section import Strip
from leaderboard.studies.section import Studies, StudyPictures
from leaderboard.subgroups.section import Subgroups
from leaderboard.summary.section import Summary
from leaderboard.survival.section import Survival
from leaderboard.sweeps.section import Sweeps
from leaderboard.threat_models.section import ThreatModels
from leaderboard.transfer.section import Transfer
from leaderboard.visibility.section import Visibility

SECTIONS: tuple[type[Section], ...] = (
    Findings,
    Summary,
    AgainstEpsilon,
    ThreatModels,
    Robustness,
    Ranks,
    Clinical,
    PerClass,
    Subgroups,
    Attacks,
    Strip,
    Visibility,
    Randomness,
    Survival,
    RowNotes,
    Diagnoses,
    Energies,
    Flags,
    Detection,
    ConstantAnswer,
    Transfer,
    Sweeps,
    Studies,
    StudyPictures,
)

PAGES = {
    "robustness": "Every robustness number, ranks and clinical metrics",
    "attacks": "Every attack, its images and how visible it is, fresh draws, and accuracy against attack step",
    "reliability": "Reliability: rows without a rank, defenses, diagnoses and flags",
    "detection": "Detection",
    "transfer": "Transfer",
    "sweeps": "Sweeps: accuracy against a setting",
    "studies": "Studies: questions about a defense that are no sweep",
}
"""The pages behind the first one, by the name of their file, with their titles, in the order of the links."""
