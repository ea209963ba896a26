"""Wide residual networks for small images."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Interval
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.settings import BatchRows, Count, LayerWidth, Rate
from benchmark.models.base import Classifier
from benchmark.models.training.recipe import Recipe


class WideResNet(Classifier):
    """WRN-depth-width: pre-activation residual blocks in three groups of 16, 32 and 64 times `width` channels."""

    name = "wide-resnet"
    source = "Zagoruyko & Komodakis 2016, Wide Residual Networks, table 1 (B(3,3) blocks)"
    minimum_size = 8
    fixed_recipe = Recipe(optimizer="sgd", weight_decay=5e-4, schedule="plateau", shift=2)

    def __init__(
        self,
        *,
        depth: Annotated[int, Interval(ge=10, le=1000)] = 16,
        width: LayerWidth = 4,
        epochs: Count = 60,
        patience: Count = 5,
        batch_size: BatchRows = 128,
        learning_rate: Rate = 0.1,
    ) -> None:
        self.depth = depth
        self.width = width
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate

    def build(self, *, channels: int, classes: int, size: tuple[int, int]) -> nn.Module:  # noqa: ARG002
        """Raises UserError when `depth` is not 6n + 4."""
        blocks = self._blocks()
        layers: list[nn.Module] = [nn.Conv2d(channels, 16, 3, padding=1, bias=False)]
        before = 16
        for group, stride in ((16, 1), (32, 2), (64, 2)):
            for number in range(blocks):
                layers.append(_Block(before, group * self.width, stride if number == 0 else 1))
                before = group * self.width
        layers += [nn.BatchNorm2d(before), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        network = nn.Sequential(*layers, nn.Linear(before, classes))
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        return network

    def check_settings(self) -> None:
        super().check_settings()
        self._blocks()

    def _blocks(self) -> int:
        """Residual blocks of each of the three groups."""
        blocks, rest = divmod(self.depth - 4, 6)
        if rest or blocks < 1 or self.width < 1:
            raise UserError(
                f"depth {self.depth}, width {self.width} do not make a wide residual network",
                where=f"classifier {self.name!r}",
                remedy="depth is 6n + 4 (10, 16, 22, 28, 34, …), width 1 or more",
            )
        return blocks


class _Block(nn.Module):
    """BN–ReLU–conv twice; where the shape changes, the shortcut is a 1×1 convolution of the activated input."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.normalize_1 = nn.BatchNorm2d(before)
        self.activate_1 = nn.ReLU()
        self.convolve_1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.normalize_2 = nn.BatchNorm2d(after)
        self.activate_2 = nn.ReLU()
        self.convolve_2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        same = before == after and stride == 1
        self.shortcut = None if same else nn.Conv2d(before, after, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        activated: Tensor = self.activate_1(self.normalize_1(x))
        y: Tensor = self.activate_2(self.normalize_2(self.convolve_1(activated)))
        y = self.convolve_2(y)
        return y + (x if self.shortcut is None else self.shortcut(activated))
