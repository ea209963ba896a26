"""Keyed noise: the published generator, and independence from everything but the key."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmark.noise import Noise, philox

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


def test_a_number_is_the_philox_word_of_its_sample_draw_and_step() -> None:
    noise = Noise.of(0, [11]).repeat(3)[2:].at(5)
    counter = (1, 5, 2, 11)  # second block of four pixels, step, draw, sample id
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


def test_repeat_keeps_order_and_nests() -> None:
    noise = Noise.of(0, [5, 9])
    repeated = noise.repeat(3)
    assert repeated.sample_ids.tolist() == [5, 5, 5, 9, 9, 9]
    assert repeated.draws.tolist() == [0, 1, 2, 0, 1, 2]
    twice = noise.repeat(2).repeat(3)
    assert twice.draws.tolist() == [0, 1, 2, 3, 4, 5] * 2
    values = repeated.normal((1, 8, 8))
    assert torch.equal(values[0], noise.normal((1, 8, 8))[0])
    assert len(torch.unique(values.flatten(1), dim=0)) == 6


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
    from benchmark.noise import _unit

    ends = _unit(torch.tensor([0, MASK]))
    assert ends[0] > 0
    assert ends[1] < 1
    assert torch.isfinite(ends.log()).all()
    assert torch.isfinite((1 - ends).log()).all()


def test_signs_are_balanced() -> None:
    signs = Noise.of(2, range(100)).signs((1, 28, 28))
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    assert abs(float(signs.mean())) < 4 / np.sqrt(signs.numel())


def test_device_is_that_of_the_sample_ids() -> None:
    noise = Noise.of(0, [1, 2], device="meta")
    assert noise.normal((1, 4, 4)).device.type == "meta"
