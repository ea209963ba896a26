"""The contract of an attack."""

from __future__ import annotations

from attacks.base import Attack, Outcome, Stop
from benchmark.core.threat import Access, Norm
from benchmark.testing.attack_trial import IMAGES, ROUNDING, Counting, Trial
from benchmark.testing.claims import Claims
from benchmark.testing.problem import color, grayscale
from benchmark.testing.settings import check_settings, fresh, instance_of

_SPLIT = (1, 7, 16)


def check_attack(attack: Attack | type[Attack]) -> None:
    """Check that an attack keeps its contract, on two small tasks with an undefended and a randomized model.

    It stays in the ball and in [0, 1]; ε = 0 changes nothing; labels, images, model and the global random state are
    left alone; success does not fall as ε grows; the outcome is the same when asked twice and, unless the attack is
    `batch_coupled`, however the images are batched; every pass is counted, and only white-box attacks get gradients;
    unless it says that it takes no targets, it can be sent to a class.

    Raises:
        AssertionError: Saying what is broken.
    """
    attack = instance_of(attack, Attack)  # type: ignore[type-abstract]
    claims = Claims(attack)
    check_settings(attack, claims)
    _check_statements(attack, claims)
    gray = Trial(attack, claims, grayscale())
    model = gray.model()
    first = gray.run(model=model)
    _check_passes(gray, model, first)
    _check_strength(gray, first)
    _check_reproducible(gray, first)
    for norm in attack.norms - {gray.norm}:
        gray.run(norm=norm, count=8)
    gray.run(model=gray.model(randomized=True), count=8)
    colored = Trial(attack, claims, color())
    colored.run()
    if attack.takes_targets:
        for stop in (Stop.FIRST_SUCCESS, Stop.NEVER):
            colored.run(targeted=True, stop=stop, count=8)


def _check_statements(attack: Attack, claims: Claims) -> None:
    claims.holds(
        bool(attack.norms) and all(isinstance(norm, Norm) for norm in attack.norms), "has no set of `Norm` as its norms"
    )
    claims.holds(isinstance(attack.access, Access), f"has access {attack.access!r}, which is not an `Access`")
    with claims.works("state its budget"):
        budget = attack.budget()
    claims.holds(isinstance(budget, str) and bool(budget), "states its budget with no words")


def _check_strength(trial: Trial, small: Outcome) -> None:
    claims = trial.claims
    nothing, large = trial.run("zero"), trial.run("large")
    claims.holds(
        bool((nothing.adversarial - trial.images.floats()).abs().max() <= ROUNDING), "changes images with ε = 0"
    )
    counts = [int(outcome.success.sum()) for outcome in (nothing, small, large)]
    claims.holds(counts[0] == 0, f"claims {counts[0]} successes with ε = 0 on images that the model gets right")
    # A search may lose an image or two to chance; more means that the larger ball is searched worse.
    claims.holds(
        counts[2] >= counts[1] - max(1, IMAGES // 10),
        f"breaks {counts[1]} of {IMAGES} images with a small ε and only {counts[2]} with a large one",
    )
    claims.holds(counts[2] > 0, f"breaks none of {IMAGES} undefended images with a large perturbation")


def _check_reproducible(trial: Trial, first: Outcome) -> None:
    """The same noise gives the same outcome: to the same attack, to one built again, and in other batches."""
    _check_equal(trial, first, trial.run(attack=fresh(trial.attack), seed=2), "when it is built again")
    # Where batches count, in the same ones: the second time may still differ from the first.
    sizes = (IMAGES,) if trial.attack.batch_coupled else _SPLIT
    batches = f"in batches of {' + '.join(map(str, sizes))}"
    hint = "" if trial.attack.batch_coupled else " (else it is `batch_coupled`)"
    _check_equal(trial, first, trial.run(sizes=sizes, seed=3), f"the second time it is asked, {batches}{hint}")


def _check_equal(trial: Trial, one: Outcome, other: Outcome, when: str) -> None:
    success = int((one.success != other.success).sum())
    trial.claims.holds(success == 0, f"has another success on {success} of {IMAGES} images {when}")
    moved = (one.adversarial - other.adversarial).flatten(1).abs().amax(1) > ROUNDING
    trial.claims.holds(
        not bool(moved.any()), f"gives other adversarial images, for {int(moved.sum())} of {IMAGES}, {when}"
    )


def _check_passes(trial: Trial, model: Counting, outcome: Outcome) -> None:
    claims = trial.claims
    if trial.attack.access is not Access.GRADIENT:
        claims.holds(
            model.backwards == 0 and not bool(outcome.backwards.any()),
            f"has access {trial.attack.access.value!r} and takes gradients",
        )
    counted = int(outcome.forwards.sum())
    # The verdict of the base class is one pass an image that is not the attack's.
    asked = model.rows - IMAGES
    claims.holds(
        trial.attack.access is Access.SURROGATE or bool((outcome.forwards > 0).all()),
        "asks the model nothing about some images, or does not count it",
    )
    claims.holds(
        counted >= asked, f"counts {counted} forward passes and makes {asked}; ask the victim, not the model behind it"
    )
