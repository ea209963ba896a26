"""Studies: questions about a defense that are no sweep of a setting; one a file, `base` holds the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.core.facade import lazily

if TYPE_CHECKING:
    from benchmark.records.study_findings import Column, Curve, Measured
    from benchmark.studies.base import Findings, Pictures, Study
    from benchmark.studies.subject import Subject
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = ["Column", "Curve", "Findings", "Measured", "Pictures", "Study", "Subject"]
