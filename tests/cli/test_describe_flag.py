"""`describe` of a reliability flag."""

from __future__ import annotations

from benchmark.evaluation.flags.catalogue import CHECKS


def test_every_flag_says_what_it_is(medrobust):
    for check in CHECKS:
        answer = medrobust("describe", f"flag:{check.id}")
        assert answer.status == 0, answer.err
        assert answer.out.startswith(f"flag {check.id}\n")
        for text in (check.threshold, check.meaning, check.source):
            assert text in answer.out


def test_a_flag_that_does_not_exist_is_refused_with_those_that_do(medrobust):
    answer = medrobust("describe", "flag:zero_gradients")
    assert answer.status == 2
    assert "did you mean 'flag:zero_gradient'" in answer.err
