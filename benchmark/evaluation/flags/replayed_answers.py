"""Flag: the model told the attacker something else than it answers when a process that knows nothing asks the same."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence, Verdict

LARGE = 0.01


class ReplayedAnswers(FlagCheck):
    """Share of the attacks' own questions that a fresh process, in other company, answers otherwise.

    A sample of what each attack asked (images on its way, with their random numbers), and some of the submitted images
    one at a time. The answers must be the same up to rounding, whoever asks, before or after whatever else.
    """

    id = "replayed_answers"
    threshold = "0 answers off by more than 1e-3 of the logits' size; fail at more than 1 %"
    meaning = "The attacker searched on other answers than the deployed model's: it was misled, not withstood."
    source = "ours"

    def evaluate(self, row: RowEvidence) -> Flag:
        replays = [(a.label, a.replayed) for a in row.attacks if a.replayed is not None]
        asked = sum(replay["asked"] for _, replay in replays)
        if not asked:
            return self.not_run("no attack asked anything")
        differ = sum(replay["differ"] for _, replay in replays)
        worst, where = max((replay["worst"], label) for label, replay in replays)
        verdict = Verdict.FAIL if differ > LARGE * asked else Verdict.WARN if differ else Verdict.PASS
        note = f"{differ} of {asked} answers; the worst by {worst:.2g} ({where})"
        return self.flag(verdict, differ / asked, asked, note)
