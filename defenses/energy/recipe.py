"""How to train an energy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EnergyRecipe:
    """How to train an energy.

    Attributes:
        steps, step, temperature: Langevin steps K, ε and T of the chains between two updates.
        data_noise: Standard deviation of the noise on training images, on the scale [−1, 1]. At least ε: chains
            carry that much noise, and images without it (black borders) drive the energy gap to −∞.
        negatives: Where chains start; see `defenses.energy.negatives`.
        bank_size, rejuvenation: Number of persistent chains, and how often one restarts at a training image.
        batch_size: Images, and chains, in an update.
        iterations, learning_rate, decay, rate_drops: Updates by Adam; over the last share `decay` of them its rate
            falls linearly to 0 or, with rate_drops = n > 0, n times to a tenth, at even distances.
        sgd_iterations, sgd_learning_rate: Updates by plain gradient descent on F(data) − F(chains) afterwards, the
            second phase of Nijkamp et al. (2020), in which chains and network settle.
        averaging: What the running mean of the weights, which is the energy in the end, keeps at each update; 0 for
            the last weights themselves.
    """

    steps: int
    step: float
    temperature: float
    data_noise: float
    negatives: str
    bank_size: int
    rejuvenation: float
    batch_size: int
    iterations: int
    learning_rate: float
    decay: float
    rate_drops: int
    sgd_iterations: int
    sgd_learning_rate: float
    averaging: float

    @property
    def bank_too_small(self) -> bool:
        """Whether an update would draw more chains than there are."""
        return self.negatives == "persistent" and self.bank_size < self.batch_size

    @property
    def total(self) -> int:
        """Updates of both phases."""
        return self.iterations + self.sgd_iterations

    def rate(self, iteration: int) -> float:
        """The learning rate at `iteration`, of whichever phase that is in."""
        if iteration >= self.iterations:
            return self.sgd_learning_rate
        left = (self.iterations - iteration) / self.iterations
        if self.decay == 0 or left > self.decay:
            return self.learning_rate
        if self.rate_drops == 0:
            return self.learning_rate * (left / self.decay)
        passed = 1 + int((self.decay - left) / self.decay * self.rate_drops)
        return self.learning_rate * 0.1 ** min(passed, self.rate_drops)
