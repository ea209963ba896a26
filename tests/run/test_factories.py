"""A network of the user's that cannot be used is refused before any work, whatever its function does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from benchmark.core.errors import UserError
from benchmark.run import RunRequest, prepare

SOURCE = """
import os, sys, time
import torch
from torch import nn


class Giving(nn.Module):
    def __init__(self, give):
        super().__init__()
        self.linear = nn.Linear(784, 2)
        self.give = give

    def forward(self, x):
        return self.give(self.linear(x.flatten(1)))


def none(): return Giving(lambda logits: None)
def pair(): return Giving(lambda logits: (logits, logits))
def table(): return Giving(lambda logits: {"logits": logits})
def wrong_classes(): return Giving(lambda logits: logits.repeat(1, 3))
def one_row(): return Giving(lambda logits: logits[:1])
def raising(): return Giving(lambda logits: 1 / 0)
def leaving(): return Giving(lambda logits: sys.exit(0))
def dying(): return Giving(lambda logits: os._exit(0))
def exits(): sys.exit(0)
def dies(): os.kill(os.getpid(), 9)
def interrupts(): raise KeyboardInterrupt
def no_network(): return "network"
def a_class(): return nn.Linear
def changes():
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    os.chdir("/")
    return Giving(lambda logits: logits.float())
"""
WRONG = [
    ("os:getcwd", "returned str"),
    ("os:system", "TypeError"),
    ("os:abort", "SIGABRT"),
    ("os:_exit", "TypeError"),
    ("builtins:print", "returned NoneType"),
    ("builtins:dict", "no signature"),
    ("builtins:input", "the function failed"),
    ("sys:exit", "SystemExit"),
    ("sys:intern", "TypeError"),
    ("torch.nn:Identity", "outputs of shape"),
    ("their_own:none", "NoneType, not a tensor"),
    ("their_own:pair", "tuple, not a tensor"),
    ("their_own:table", "dict, not a tensor"),
    ("their_own:wrong_classes", "outputs of shape (2, 6)"),
    ("their_own:one_row", "outputs of shape (1, 2)"),
    ("their_own:raising", "ZeroDivisionError"),
    ("their_own:leaving", "SystemExit"),
    ("their_own:dying", "ended its process"),
    ("their_own:exits", "SystemExit"),
    ("their_own:dies", "SIGKILL"),
    ("their_own:interrupts", "KeyboardInterrupt"),
    ("their_own:no_network", "returned str"),
    ("their_own:a_class", "returned type"),
]


@pytest.fixture(autouse=True)
def their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "their_own.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("their_own", None)


def _prepare(suite_file: Callable[..., Path], factory: str) -> None:
    path = suite_file(**{'name = "small-cnn"': f'name = "module"\nfactory = "{factory}"\ntrain = true'})
    prepare(RunRequest(str(path)))


@pytest.mark.parametrize(("factory", "words"), WRONG)
def test_a_network_that_cannot_be_used_is_refused_before_any_work(
    factory: str, words: str, suite_file: Callable[..., Path]
) -> None:
    with pytest.raises(UserError) as caught:
        _prepare(suite_file, factory)
    assert words in caught.value.problem
    assert caught.value.remedy


def test_building_it_changes_nothing_here(suite_file: Callable[..., Path]) -> None:
    folder = Path.cwd()
    _prepare(suite_file, "their_own:changes")
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert Path.cwd() == folder
