"""Random numbers keyed by what they are for, not by when they are drawn.

Philox 4×32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") in integer tensor
operations. A number depends on (seed, stream, sample id, draw, step) and its place in the image alone, so a
result does not depend on batch size, order, resume, worker count or device.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

_MASK = 0xFFFFFFFF
_M0, _M1 = 0xD2511F53, 0xCD9E8D57
_W0, _W1 = 0x9E3779B9, 0xBB67AE85


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
    """Keyed random numbers for a batch: row i belongs to sample `sample_ids[i]` and draw `draws[i]`.

    Attributes:
        key: Two 32-bit words made from the seed and the names of the streams.
        sample_ids: int64 [B], each below 2³².
        draws: int64 [B]; copies of one sample (EOT draws, votes, restarts) differ here.
        step: The current iteration of whatever draws; below 2³².
    """

    key: tuple[int, int]
    sample_ids: Tensor
    draws: Tensor
    step: int = 0

    @classmethod
    def of(cls, seed: int, sample_ids: Tensor | Sequence[int], *, device: torch.device | str | None = None) -> Noise:
        """Noise for these samples under `seed`, on `device` (default: where `sample_ids` is)."""
        ids = torch.as_tensor(sample_ids, dtype=torch.int64, device=device)
        return cls(_hash(f"{seed}"), ids, torch.zeros_like(ids))

    def stream(self, name: str) -> Noise:
        """An independent family of numbers for the purpose `name`."""
        return replace(self, key=_hash(f"{self.key[0]:08x}{self.key[1]:08x}/{name}"))

    def at(self, step: int) -> Noise:
        """The numbers of iteration `step`."""
        return replace(self, step=step)

    def repeat(self, copies: int) -> Noise:
        """Each row `copies` times in succession (as `Tensor.repeat_interleave`), each with its own draw."""
        if copies == 1:
            return self
        copy = torch.arange(copies, device=self.draws.device).repeat(len(self))
        return replace(
            self,
            sample_ids=self.sample_ids.repeat_interleave(copies),
            draws=self.draws.repeat_interleave(copies) * copies + copy,
        )

    def __getitem__(self, rows: Tensor | slice) -> Noise:
        """The noise of some rows (a boolean mask, indices or a slice)."""
        return replace(self, sample_ids=self.sample_ids[rows], draws=self.draws[rows])

    def __len__(self) -> int:
        return self.sample_ids.shape[0]

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

    def _words(self, blocks: int) -> tuple[Tensor, ...]:
        device = self.sample_ids.device
        block = torch.arange(blocks, dtype=torch.int64, device=device)[None]
        step = torch.full((1, 1), self.step, dtype=torch.int64, device=device)
        # Left to broadcast: the first rounds work on vectors, and only later ones on the whole batch.
        return philox((block, step, self.draws[:, None], self.sample_ids[:, None]), self.key)


def _unit(words: Tensor) -> Tensor:
    # 24 bits, centred; the largest would round to 1 in float32, whose last number below it is 1 − 2⁻²⁴.
    return (words >> 8).to(torch.float32).mul_(2**-24).add_(2**-25).clamp_(max=1 - 2**-24)


def _hash(text: str) -> tuple[int, int]:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")
