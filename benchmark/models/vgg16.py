"""VGG-16 from torchvision."""

from __future__ import annotations

from torch import nn

from benchmark.core.settings import BatchRows, Count, Decay, Rate, Shift
from benchmark.models.base import Classifier
from benchmark.models.training.pretrained import load_imagenet


class VGG16(Classifier):
    """VGG-16 (configuration D) with a new head, fine-tuned from ImageNet weights by default."""

    name = "vgg16"
    source = "Simonyan & Zisserman 2015, Very Deep Convolutional Networks, table 1 D; torchvision's code and weights"
    rgb = True
    minimum_size = 32

    def __init__(
        self,
        *,
        pretrained: bool = True,
        epochs: Count = 30,
        patience: Count = 5,
        batch_size: BatchRows = 32,
        learning_rate: Rate = 1e-4,
        weight_decay: Decay = 1e-4,
        shift: Shift = 4,
    ) -> None:
        self.pretrained = pretrained
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.shift = shift

    def build(self, *, channels: int, classes: int, size: tuple[int, int]) -> nn.Module:  # noqa: ARG002
        """`channels` is always 3; grayscale images arrive repeated."""
        from torchvision.models import vgg16

        network: nn.Module = vgg16(weights=None, num_classes=classes)
        for module in network.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False
        return network

    def initialize(self, network: nn.Module) -> None:
        """Load ImageNet weights if `pretrained`; raises UserError when they cannot be had."""
        if self.pretrained:
            from torchvision.models import VGG16_Weights

            load_imagenet(network, VGG16_Weights.IMAGENET1K_V1, head="classifier.6", where=f"classifier {self.name!r}")
