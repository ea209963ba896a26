from __future__ import annotations

import numpy as np
import pytest

from benchmark.core.errors import UserError
from benchmark.evaluation.detection import auc
from detectors.svm import SupportVectorMachine


def exclusive_or(rng, rows, adversarial):
    corners = rng.choice([-1.0, 1.0], size=(rows, 1))
    signs = np.concatenate([corners, -corners if adversarial else corners], axis=1)
    return signs * 2 + 0.3 * rng.normal(size=(rows, 2))


def test_separates_what_no_line_can(synthetic):
    rng = np.random.default_rng(0)
    sets = [exclusive_or(rng, 60, adversarial) for adversarial in (False, False, True)]
    detector = SupportVectorMachine()
    detector.fit(synthetic.data(sets[0], np.arange(60) % 2, *sets))
    harmless, attacked = (exclusive_or(rng, 200, adversarial) for adversarial in (False, True))
    scores = [detector.score(synthetic.features(x)) for x in (harmless, attacked)]
    assert auc(*scores) == 1.0
    assert (scores[0] < 0).all()
    assert (scores[1] > 0).all()


def test_wide_features_in_odd_units_do_not_degenerate(synthetic):
    # A fixed kernel width on raw features of this size makes every kernel value 0 and every score the same.
    rng = np.random.default_rng(1)
    units = np.geomspace(1e-6, 1e6, 512)
    sets = [(rng.normal(size=(80, 512)) + shift) * units for shift in (0, 0, 0.3)]
    detector = SupportVectorMachine()
    detector.fit(synthetic.data(sets[0], np.arange(80) % 2, *sets))
    fresh = [detector.score(synthetic.features((rng.normal(size=(200, 512)) + shift) * units)) for shift in (0, 0.3)]
    assert auc(*fresh) > 0.9


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("inf")])
def test_a_penalty_that_is_not_positive_is_refused(synthetic, penalty):
    with pytest.raises(UserError, match="penalty is"):
        SupportVectorMachine(penalty=penalty).fit(synthetic.gaussian(0))
