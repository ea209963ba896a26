"""Keyed noise: the published generator, and independence from everything but the key."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark.core.noise import Noise, philox

MASK = 0xFFFFFFFF

# Known-answer vectors of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds).
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((MASK,) * 4, (MASK, MASK), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def philox_in_integers(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """The definition of Salmon et al. (2011), section 3.3, on Python's unbounded integers."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        p0, p1 = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & MASK, (p0 >> 32) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def words(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    c0, c1, c2, c3 = (torch.tensor([word]) for word in counter)
    return tuple(int(word) for word in philox((c0, c1, c2, c3), key))


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_known_answers(counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]) -> None:
    assert words(counter, key) == expected


word = st.integers(0, MASK)


@given(counter=st.tuples(word, word, word, word), key=st.tuples(word, word))
def test_agrees_with_unbounded_integers(counter: tuple[int, ...], key: tuple[int, int]) -> None:
    assert words(counter, key) == philox_in_integers(counter, key)


def test_counters_that_broadcast_give_what_full_counters_give() -> None:
    columns = torch.arange(5)[None]
    rows = torch.arange(3)[:, None] + 7
    full = [part.expand(3, 5).contiguous() for part in (columns, torch.tensor([[9]]), rows, rows * 1000)]
    broadcast = philox((columns, torch.tensor([[9]]), rows, rows * 1000), (1, 2))
    for one, other in zip(broadcast, philox((full[0], full[1], full[2], full[3]), (1, 2)), strict=True):
        assert torch.equal(one, other)


def test_a_number_is_the_philox_word_of_its_row_and_step() -> None:
    noise = Noise.of(0, [11]).repeat(3)[2:].at(5)
    lane = int(noise.lanes) % 2**64
    counter = (1, 6, lane & MASK, lane >> 32)  # second block of four pixels, step (0 is none), row
    expected = [((w >> 8) + 0.5) * 2.0**-24 for w in philox_in_integers(counter, noise.key)]
    row = noise.uniform((8,))[0]
    # A word fills one quarter of the image: pixel i of quarter w comes from word w of block i.
    assert row.view(4, 2)[:, 1].tolist() == pytest.approx(expected, abs=2.0**-24)


@settings(max_examples=25)
@given(
    ids=st.lists(st.integers(0, MASK), min_size=1, max_size=40, unique=True),
    shape=st.sampled_from([(1, 28, 28), (3, 5, 7), (1,), (2, 3, 11)]),
    data=st.data(),
)
def test_a_row_does_not_depend_on_the_rest_of_the_batch(ids: list[int], shape: tuple[int, ...], data: st.DataObject):
    rows = torch.tensor(data.draw(st.lists(st.integers(0, len(ids) - 1), min_size=1, max_size=60)))
    whole = Noise.of(4, ids).stream("s").at(3)
    some = Noise.of(4, torch.tensor(ids)[rows]).stream("s").at(3)
    for kind in ("normal", "uniform", "signs"):
        assert torch.equal(getattr(whole, kind)(shape)[rows], getattr(some, kind)(shape))
        assert torch.equal(getattr(whole, kind)(shape)[rows], getattr(whole[rows], kind)(shape))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_large_batch_equals_its_rows_one_by_one(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        whole = Noise.of(1, range(200)).normal((1, 28, 28))
    finally:
        torch.set_num_threads(before)
    single = torch.cat([Noise.of(1, [i]).normal((1, 28, 28)) for i in range(200)])
    assert torch.equal(whole, single)


def correlation(one: Tensor, other: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])


def test_seeds_streams_steps_draws_samples_and_pixels_are_uncorrelated() -> None:
    shape = (1, 100, 100)
    base = Noise.of(0, [0, 1])
    first = base.normal(shape)[0]
    others = {
        "seed": Noise.of(1, [0]).normal(shape)[0],
        "stream": base.stream("a").normal(shape)[0],
        "other stream": base.stream("b").normal(shape)[0],
        "nested stream": base.stream("a").stream("b").normal(shape)[0],
        "step": base.at(1).normal(shape)[0],
        "draw": base.repeat(2).normal(shape)[1],
        "sample": base.normal(shape)[1],
        "next column": first.roll(1, -1),
        "next row": first.roll(1, -2),
    }
    everything = [first, *others.values()]
    for i, one in enumerate(everything):
        for other in everything[i + 1 :]:
            # Five standard errors of the correlation of 10,000 independent pairs.
            assert abs(correlation(one, other)) < 0.05


def test_repeat_keeps_the_order_of_rows() -> None:
    repeated = Noise.of(0, [5, 9, 2]).repeat(4)
    alone = torch.cat([Noise.of(0, [i]).repeat(4).normal((3,)) for i in (5, 9, 2)])
    assert torch.equal(repeated.normal((3,)), alone)
    assert torch.equal(repeated[4:8].lanes, Noise.of(0, [9]).repeat(4).lanes)


step = st.builds(lambda k: ("at", k), st.integers(0, 3))
derivations = st.lists(
    st.one_of(
        step, st.builds(lambda n: ("stream", n), st.sampled_from("ab")), st.builds(lambda n: ("repeat", n), st.just(2))
    ),
    max_size=5,
)


def derived(noise: Noise, path: list[tuple[str, object]]) -> Noise:
    for name, argument in path:
        noise = getattr(noise, name)(argument)
    return noise


@settings(max_examples=300)
@given(one=derivations, other=derivations)
def test_no_derivation_loses_or_repeats_another(one: list[tuple[str, object]], other: list[tuple[str, object]]) -> None:
    """Two ways of streams, steps and copies to a noise give the same numbers only where they are the same way."""
    found = [{tuple(row) for row in derived(Noise.of(0, [1, 2]), p).normal((4,)).tolist()} for p in (one, other)]
    assert found[0] == found[1] if one == other else not found[0] & found[1]


def test_a_step_within_a_step_keeps_both_and_none_is_not_the_first() -> None:
    noise = Noise.of(0, range(3))
    ways = [
        noise,
        noise.at(0),
        noise.at(1),
        noise.at(0).at(1),
        noise.at(1).at(0),
        noise.at(1).at(1),
        noise.at(0).stream("a"),
        noise.at(1).stream("a"),
        noise.stream("a"),
        noise.stream("a").at(0),
        noise.at(1).stream("a").at(0),
        noise.repeat(2).repeat(3),
        noise.repeat(6),
        noise.repeat(3).repeat(2),
        noise.repeat(2).at(0),
        noise.at(0).repeat(2),
    ]
    rows = [tuple(row) for way in ways for row in way.normal((4,)).tolist()]
    assert len(set(rows)) == len(rows) == 3 * (11 + 18 + 4)
    assert noise.at(4).stream("a").step == -1
    with pytest.raises(ValueError, match="-1"):
        noise.at(-1)


def test_rows_of_two_streams_cannot_be_matched_by_their_words() -> None:
    """Neither the words themselves nor their differences from row to row, nor any bit of them, are kept."""
    noise = Noise.of(0, range(4000))
    before, after = (((way.lanes[:, None] >> torch.arange(64)) & 1).double() for way in (noise, noise.stream("a")))
    counts = (torch.arange(4000)[:, None] >> torch.arange(12) & 1).double()
    for known in (before, counts):
        for hidden in (after, before if known is counts else after):
            agreement = torch.corrcoef(torch.cat([known, hidden], 1).T)[: known.shape[1], known.shape[1] :]
            assert agreement.abs().max() < 6 / 4000**0.5
    steps = [words[1:].logical_xor(words[:-1]).double() for words in (before, after)]
    assert torch.corrcoef(torch.cat(steps, 1).T)[:64, 64:].abs().max() < 6 / 4000**0.5
    assert len(torch.unique(noise.stream("a").lanes)) == 4000


def test_a_row_shows_its_step_and_a_random_word_alone() -> None:
    assert {f.name for f in fields(Noise)} == {"key", "lanes", "step"}
    assert not {0, 1, 2} & set(Noise.of(0, range(3)).lanes.tolist())


def test_same_key_gives_the_same_numbers_and_leaves_torch_alone() -> None:
    state = torch.get_rng_state()
    one, two = (Noise.of(3, [1, 2]).stream("x").at(4).normal((2, 3)) for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(torch.get_rng_state(), state)


def test_normals_are_normal() -> None:
    from scipy import stats

    values = Noise.of(2, range(100)).stream("test").normal((1, 28, 28)).double().numpy().ravel()
    assert stats.kstest(values, "norm").pvalue > 1e-3
    n = len(values)
    # Moments of N(0, 1): 0, 1, 0, 3, with sampling variances 1, 2, 15, 96 over n.
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((values**power).mean() - moment) < 4 * np.sqrt(variance / n)


def test_uniforms_are_uniform_and_open() -> None:
    from scipy import stats

    values = Noise.of(2, range(100)).uniform((1, 28, 28)).double().numpy().ravel()
    assert stats.kstest(values, "uniform").pvalue > 1e-3
    assert 0 < values.min() < 1e-3
    assert 1 - 1e-3 < values.max() < 1


def test_extreme_words_stay_inside_the_open_interval() -> None:
    from benchmark.core.noise import _unit

    ends = _unit(torch.tensor([0, MASK]))
    assert ends[0] > 0
    assert ends[1] < 1
    assert torch.isfinite(ends.log()).all()
    assert torch.isfinite((1 - ends).log()).all()


def test_signs_are_balanced() -> None:
    signs = Noise.of(2, range(100)).signs((1, 28, 28))
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    assert abs(float(signs.mean())) < 4 / np.sqrt(signs.numel())


def test_device_is_that_of_the_samples() -> None:
    noise = Noise.of(0, [1, 2], device="meta")
    assert noise.normal((1, 4, 4)).device.type == "meta"
