"""Random numbers keyed by what they are for, not by when they are drawn.

Philox 4×32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") in integer tensor
operations. A number depends on the seed, the sample, every stream, step and copy on the way to it, and its place in
the image alone, so a result does not depend on batch size, order, resume, worker count or device.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

_MASK = 0xFFFFFFFF
_M0, _M1 = 0xD2511F53, 0xCD9E8D57
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_F0, _F1 = 0xFF51AFD7ED558CCD - 2**64, 0xC4CEB9FE1A85EC53 - 2**64
_GOLDEN = 0x9E3779B97F4A7C15 - 2**64


def philox(counter: tuple[Tensor, Tensor, Tensor, Tensor], key: tuple[int, int]) -> tuple[Tensor, ...]:
    """Philox 4×32-10: four int64 tensors holding 32-bit words, of shapes that broadcast → four of the joint shape."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        # int64 products wrap, but their 64 bits are those of the unsigned product: shift and mask give both words.
        # The low words meet a mask one round later, so they are passed on with their high bits still set.
        p0, p1 = c0 * _M0, c2 * _M1
        c0 = ((p1 >> 32) ^ c1).bitwise_xor_(k0).bitwise_and_(_MASK)
        c2 = ((p0 >> 32) ^ c3).bitwise_xor_(k1).bitwise_and_(_MASK)
        c1, c3 = p1, p0
        k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
    return c0, c1 & _MASK, c2, c3 & _MASK


@dataclass(frozen=True)
class Noise:
    """Keyed random numbers for a batch, one row per sample.

    Each purpose (`stream`), iteration (`at`) and copy (`repeat`) has numbers of its own, whatever they are nested in:
    no derivation undoes or repeats an earlier one. Whoever is handed a noise can tell neither which samples its rows
    belong to nor which rows of another stream belong to the same.

    Attributes:
        key: Two 32-bit words made from the seed and the names of the streams.
        lanes: One pseudo-random 64-bit word for each row: int64 [B].
        step: The current iteration of whatever draws, below 2³² − 1; −1 where there is none.
    """

    key: tuple[int, int]
    lanes: Tensor
    step: int = -1

    @classmethod
    def of(cls, seed: int, ids: Tensor | Sequence[int], *, device: torch.device | str | None = None) -> Noise:
        """Noise for the samples `ids` (int64, all different) under `seed`, on `device` (default: that of `ids`)."""
        key, masks = _hash(f"{seed}")
        return cls(key, _permuted(torch.as_tensor(ids, dtype=torch.int64, device=device), masks))

    def stream(self, name: str) -> Noise:
        """An independent family of numbers for the purpose `name`, at no step."""
        key, masks = _hash(f"{self._words_of_key}/{name}")
        return replace(self, key=key, lanes=_permuted(self.lanes, masks), step=-1)

    def at(self, step: int) -> Noise:
        """The numbers of iteration `step`, from 0; within another iteration, of that iteration's own."""
        if step < 0:
            raise ValueError(f"an iteration cannot have the number {step}")
        if self.step < 0:
            return replace(self, step=step)
        key, masks = _hash(self._words_of_key)
        return replace(self, key=key, lanes=_permuted(self.lanes, masks), step=step)

    def repeat(self, copies: int) -> Noise:
        """Each row `copies` times in succession (as `Tensor.repeat_interleave`), each with numbers of its own.

        Nothing is shared between the copies, the row itself and other numbers of copies.
        """
        if copies == 1:
            return self
        key, masks = _hash(f"{self._words_of_key}*{copies}")
        numbers = torch.arange(copies, device=self.lanes.device) * _GOLDEN
        return replace(self, key=key, lanes=_permuted((self.lanes[:, None] + numbers).flatten(), masks))

    def __getitem__(self, rows: Tensor | slice) -> Noise:
        """The noise of some rows (a boolean mask, indices or a slice)."""
        return replace(self, lanes=self.lanes[rows])

    def __len__(self) -> int:
        return self.lanes.shape[0]

    def uniform(self, shape: Sequence[int], *, dtype: torch.dtype = torch.float32) -> Tensor:
        """U(0, 1) numbers, open at both ends: [B, *shape] for an image `shape`."""
        count = math.prod(shape)
        words = torch.cat(self._words(-(-count // 4)), dim=1)[:, :count]
        return _unit(words).to(dtype).reshape(len(self), *shape)

    def normal(self, shape: Sequence[int], *, dtype: torch.dtype = torch.float32) -> Tensor:
        """Standard normal numbers by Box–Muller: [B, *shape] for an image `shape`."""
        count = math.prod(shape)
        blocks = -(-count // 4)
        w0, w1, w2, w3 = (_unit(w) for w in self._words(blocks))
        values = torch.empty(len(self), 4, blocks, device=w0.device)
        for pair, radius, angle in ((0, w0, w1), (2, w2, w3)):
            radius.log_().mul_(-2).sqrt_()
            angle.mul_(2 * math.pi)
            torch.mul(radius, angle.cos(), out=values[:, pair])
            torch.mul(radius, angle.sin_(), out=values[:, pair + 1])
        return values.flatten(1)[:, :count].to(dtype).reshape(len(self), *shape)

    def signs(self, shape: Sequence[int], *, dtype: torch.dtype = torch.float32) -> Tensor:
        """−1 or +1, equally likely: [B, *shape]."""
        return (self.uniform(shape) < 0.5).to(dtype) * 2 - 1

    @property
    def _words_of_key(self) -> str:
        place = "" if self.step < 0 else f"@{self.step}"
        return f"{self.key[0]:08x}{self.key[1]:08x}{place}"

    def _words(self, blocks: int) -> tuple[Tensor, ...]:
        lanes = self.lanes[:, None]
        block = torch.arange(blocks, dtype=torch.int64, device=lanes.device)[None]
        step = torch.full((1, 1), self.step + 1, dtype=torch.int64, device=lanes.device)
        # Left to broadcast: the first rounds work on vectors, and only later ones on the whole batch.
        return philox((block, step, lanes & _MASK, (lanes >> 32) & _MASK), self.key)


def _permuted(words: Tensor, masks: tuple[int, int]) -> Tensor:
    """A one-to-one map of 64-bit words: MurmurHash3's finaliser between two masks (Even and Mansour 1997).

    Neither mask can be read off what comes out, so the words before and after cannot be matched.
    """
    mixed = words ^ masks[0]
    for factor in (_F0, _F1):
        mixed.bitwise_xor_((mixed >> 33).bitwise_and_(0x7FFFFFFF)).mul_(factor)
    return mixed.bitwise_xor_((mixed >> 33).bitwise_and_(0x7FFFFFFF)).bitwise_xor_(masks[1])


def _unit(words: Tensor) -> Tensor:
    # 24 bits, centred; the largest would round to 1 in float32, whose last number below it is 1 − 2⁻²⁴.
    return (words >> 8).to(torch.float32).mul_(2**-24).add_(2**-25).clamp_(max=1 - 2**-24)


def _hash(text: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """A Philox key of two 32-bit words, and two 64-bit masks that cannot be had from it."""
    k0, k1, m0, m1 = struct.unpack("<IIqq", hashlib.blake2b(text.encode(), digest_size=24).digest())
    return (k0, k1), (m0, m1)
