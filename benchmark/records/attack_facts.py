"""What an attack is made of and what it says it spends, as plain facts."""

from __future__ import annotations

from benchmark.core.threat import Access, Epsilon, Norm
from benchmark.records.part import Part, Text


class EffortFacts(Part):
    """What an attack says it spends, and what of it can be checked afterwards.

    Attributes:
        stated: What it spends on an image that never falls, in words.
        shortfall: What its settings lack of the least effort, in words; empty where nothing.
        serves: The needs of a fair row that it is made for, each with what its settings lack of it, in words; empty
            where nothing.
        allowed_set: The images that it may submit: family of perturbations, and ε.
        forwards, backwards: Passes that the least effort amounts to on an image that stands.
        moves: Whether an image that stands is submitted where the search was best. A search for the nearest image, and
            Square, submit it as it was.
    """

    stated: Text
    shortfall: Text
    serves: dict[str, Text]
    allowed_set: tuple[str, float]
    forwards: int
    backwards: int
    moves: bool

    @property
    def met(self) -> list[str]:
        """The needs that it lacks nothing of."""
        return [need for need, lack in self.serves.items() if not lack]


class AttackFacts(Part):
    """How a cell's attack is put together.

    Attributes:
        label: Its label in the suite.
        method: Name of the plug-in.
        access: What it may ask of the model.
        norm, epsilon: The perturbation it may use.
        allowed: The same in words.
        objective, gradient: Names of what it climbs and of how it differentiates through the defense.
        sees_defense, follows_values: What the gradient says of itself; see `attacks/gradients/base.py`.
        queries_too: Whether members of it query, where it has any.
        goal: What tells attacks of different goals apart; empty where any wrong class counts.
        eot_samples: Draws that a gradient is averaged over.
        stop: When an attack on an image ends: "first-success", "last-step" or "never", as `attacks.base.Stop` says.
        steps, queries: Its settings of these names; None where it has none.
        effort: What it says it spends.
    """

    label: str
    method: str
    access: Access
    norm: Norm
    epsilon: Epsilon
    allowed: Text
    objective: str
    gradient: str
    sees_defense: bool
    follows_values: bool
    queries_too: bool
    goal: Text
    eot_samples: int
    stop: str
    steps: int | None
    queries: int | None
    effort: EffortFacts
