"""A purifier that decides by majority vote needs a low-frequency attack, which is seen in how it decided."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from benchmark.core.defended import DecisionRule, DefendedModel
from benchmark.core.noise import Noise
from benchmark.planning.plan import Selection
from benchmark.records.store import Store
from benchmark.run import RunRequest, execute, prepare
from defenses.base import Defense
from leaderboard.publish import publish

NEED = "a low-frequency attack"
RUN = """
[defense.quiet-vote]
[defense.quiet-mean]
[robustness.attack.low-frequency]
defenses = ["quiet-vote"]
eot_samples = 20
steps = 10
"""


class QuietMean(Defense):
    """A little noise, logits averaged."""

    name = "quiet-mean"
    purifier = True
    randomized = True
    rule = DecisionRule.MEAN_LOGITS

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            return x + 0.01 * noise.normal(x.shape[1:])

        return DefendedModel(classifier, purify=purify, votes=3, randomized=True, decision_rule=self.rule)


class QuietVote(QuietMean):
    """The same, by a vote that it says nothing of."""

    name = "quiet-vote"
    rule = DecisionRule.MAJORITY_VOTE


def test_a_row_that_voted_lacks_it_and_has_it_where_the_suite_names_one(
    suite_file: Callable[..., Path], tmp_path: Path
) -> None:
    lacking = {}
    suite = suite_file(RUN, **{"probes = 4": "probes = 0\ndiagnoses = 0"})
    for attacks in (("fgsm",), ("fgsm", "low-frequency")):
        selection = Selection(defenses=("quiet-*",), attacks=attacks, limit=8)
        execute(prepare(RunRequest(str(suite), out=tmp_path / "run", selection=selection)), publish)
        for label, record in Store(tmp_path / "run").manifest().defenses.items():
            lacking[label, len(attacks)] = any(need.startswith(NEED) for need in record.missing)
    assert lacking == {
        ("quiet-vote", 1): True,
        ("quiet-mean", 1): False,
        ("quiet-vote", 2): False,
        ("quiet-mean", 2): False,
    }
    assert "low-frequency" in (tmp_path / "run" / "leaderboard.md").read_text(encoding="utf-8")
