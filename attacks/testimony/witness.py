"""What the harness itself sees of an attack: nothing in it is the attack's word, and no attack is handed it."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.geometry.ball import TOLERANCE, Ball
from attacks.objectives.aim import Aim
from attacks.testimony.transcript import Claim, Question, Transcript
from benchmark.core.defended import DefendedModel
from benchmark.core.threat import Norm


class NoAnswerError(RuntimeError):
    """The model answered an attack with NaN or infinity: refusal is not robustness, and the cell is an error."""


class Witness:
    """Follows the questions of an attack on a batch.

    Args:
        model: The deployed model, which confirms what falls; the attack may search on a copy.
        aim, ball: What the attack is after and may submit, out of its reach.
        transcript: Where a sample of questions and answers goes; None to keep none.

    Attributes:
        fallen: Images that some answer put beyond the aim: bool [B].
        verified: Images of a randomized model whose fall within the ball was confirmed with fresh draws: bool [B].
    """

    def __init__(self, model: DefendedModel, aim: Aim, ball: Ball, transcript: Transcript | None) -> None:
        self.model = model
        self.fallen = torch.zeros_like(aim.labels, dtype=torch.bool)
        self.verified = torch.zeros_like(self.fallen)
        self._aim = aim
        self._ball = ball
        self._transcript = transcript

    def answered(self, rows: Tensor, question: Question, logits: Tensor, claim: Claim | None = None) -> None:
        """The model said `logits` [N, K]; row i is about the batch's image `rows[i]`.

        Args:
            rows, question, logits: The question and its answer.
            claim: The gradient that came with it, where it claims to be the true one.

        Raises:
            NoAnswerError: An answer is not finite.
        """
        # A broken question is the attack's fault, and its own loop says so.
        finite = logits.isfinite().all(1) | ~question.x.flatten(1).isfinite().all(1)
        if not bool(finite.all()):
            raise NoAnswerError(f"the model answered {int((~finite).sum())} images with NaN or infinity")
        self._mark(self.fallen, rows, self._aim[rows].reached(logits))
        if self._transcript is not None:
            self._transcript.note(rows, question, logits, claim)

    def confirmed(self, rows: Tensor, question: Question, logits: Tensor) -> Tensor:
        """Which images fell when asked again with fresh draws and all votes: bool [N].

        Only those within the ball are noted as verified.
        """
        self.answered(rows, question, logits)
        fallen = self._aim[rows].reached(logits)
        self._mark(self.verified, rows, fallen & self._allowed(rows, question.x))
        return fallen

    def _allowed(self, rows: Tensor, x: Tensor) -> Tensor:
        inside = ((x >= -TOLERANCE) & (x <= 1 + TOLERANCE)).flatten(1).all(1)
        if self._ball.norm is Norm.SPATIAL:
            return inside
        return inside & (self._ball[rows].size(x) <= self._ball.epsilon * (1 + 1e-5) + TOLERANCE)

    @staticmethod
    def _mark(marks: Tensor, rows: Tensor, hit: Tensor) -> None:
        marks[rows[hit]] = True
