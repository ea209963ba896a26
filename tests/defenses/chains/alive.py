"""How much memory tensors take at one time, counted and not timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Alive(TorchDispatchMode):
    """Follows every tensor made within the block until nobody holds it.

    Attributes:
        peak: Bytes of the most that were alive at one time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = self._most = 0
        self._held: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        given = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in given:
                storage = tensor.untyped_storage()
                self._held[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
                self._most += storage.nbytes()
        if self._most > self.peak:
            # Who is gone is only looked for where it might matter.
            self._held = {key: held for key, held in self._held.items() if not held[0].expired()}
            self._most = sum(size for _, size in self._held.values())
            self.peak = max(self.peak, self._most)
        return made
