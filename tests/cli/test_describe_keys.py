"""`describe` of a suite says of every key what it may be."""

from __future__ import annotations

from benchmark.cli.describe_keys import suite_keys


def test_every_key_says_what_it_may_be_and_its_default(medrobust):
    lines = list(suite_keys())
    assert len(lines) > 40
    for line in lines:
        key, _, rest = line.partition(": ")
        allowed, _, default = rest.partition("; ")
        assert allowed, key
        assert default.startswith(("(required)", "by default ")), key
    shown = medrobust("describe", "suite:chest-xray").out
    for line in (
        "seed: a whole number 0 or more and below 9,223,372,036,854,775,808; by default 0",
        'evaluation.samples: a whole number from 1 to 1,000,000,000, or "all"; by default "all"',
        'robustness.norm: "linf" or "l2" or "l1" or "l0" or "spatial"; by default "linf"',
        'robustness.attack.LABEL.eot_samples: a whole number from 1 to 1,000, or "auto"; by default "auto"',
        "defense.LABEL.probes: a whole number from 0 to 1,000,000,000; by default none",
    ):
        assert line in shown
