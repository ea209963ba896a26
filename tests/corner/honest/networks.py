"""Honest defenses that train, join or rescale networks, as hospitals and papers do."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from defenses.base import DefendedModel, FitData
from tests.corner.control import Wrapped
from tests.corner.honest.defenses import _Head, _Honest


def _trained(data: FitData, *, epochs: int, squeeze: float = 0.0, noise: float = 0.0) -> nn.Module:
    generator = torch.Generator().manual_seed(data.seed)
    network = _Head()
    for parameter in network.parameters():
        parameter.data = 0.2 * torch.randn(parameter.shape, generator=generator)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(epochs):
        for rows in torch.randperm(len(data.train), generator=generator).split(50):
            x = data.train.floats(rows)
            logits = network(x + noise * torch.randn(x.shape, generator=generator))
            loss = nn.functional.cross_entropy(logits, data.train.labels[rows]) + squeeze * logits.square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


class _Retrained(_Honest):
    retrains = True
    epochs, squeeze, noise = 8, 0.0, 0.0

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        network = _trained(data, epochs=self.epochs, squeeze=self.squeeze, noise=self.noise)
        self.weights_ = {k: v.detach() for k, v in network.state_dict().items()}

    def network(self) -> nn.Module:
        network = _Head()
        if self.weights_:
            network.load_state_dict(self.weights_)
        return network.eval()

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(self.network())


class Squeezed(_Retrained):
    """Trained with a penalty on its logits (Kannan et al. 2018, logit squeezing) and noise."""

    name = "logit-squeezing"
    squeeze, noise = 0.5, 0.1


class Mediocre(_Retrained):
    """Trained for one epoch: right more often than not, and no more."""

    name = "mediocre"
    epochs = 1


class TwoNetworks(_Retrained):
    """The mean of the logits of the classifier and of another network."""

    name = "two-networks"

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Mean(classifier, self.network()).eval())


class _Mean(nn.Module):
    def __init__(self, *networks: nn.Module) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([network(x) for network in self.networks]).mean(0)


class Temperature(_Honest):
    """Divides the logits by a temperature that was chosen on validation images (Guo et al. 2017)."""

    name = "temperature-scaling"
    retrains = True

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        with torch.no_grad():
            logits = classifier(data.validation.floats())
        temperatures = torch.logspace(-1, 1, 21)
        losses = [nn.functional.cross_entropy(logits / t, data.validation.labels) for t in temperatures]
        self.weights_ = {"temperature": temperatures[int(torch.stack(losses).argmin())].clone()}

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Scaled(classifier, float(self.weights_.get("temperature", torch.ones(()))))).eval()


class _Scaled(Wrapped):
    def __init__(self, classifier: nn.Module, temperature: float) -> None:
        super().__init__(classifier)
        self.temperature = temperature

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) / self.temperature


class Neighbours(_Honest):
    """The classes of training images that are alike in how strongly they change (Papernot and McDaniel 2018)."""

    name = "nearest-neighbours"
    retrains = True

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        self.weights_ = {"seen": _Near.seen(data.train.floats()), "labels": data.train.labels.clone()}

    def defend(self, classifier: nn.Module) -> DefendedModel:
        if not self.weights_:
            return DefendedModel(classifier)
        return DefendedModel(_Near(self.weights_["seen"], self.weights_["labels"]).eval())


class _Near(nn.Module):
    def __init__(self, seen: Tensor, labels: Tensor) -> None:
        super().__init__()
        self.register_buffer("kept", seen)
        self.register_buffer("classes", nn.functional.one_hot(labels, 2).float())

    @staticmethod
    def seen(x: Tensor) -> Tensor:
        """How strongly each direction changes: [B, 8]."""
        small = nn.functional.avg_pool2d(x, 2)
        sizes = [(small.roll(k, d) - small).abs().mean((1, 2, 3)) for k in (1, 2) for d in (2, 3)]
        extremes = [small.amax((1, 2, 3)) - small.mean((1, 2, 3)), small.mean((1, 2, 3)) - small.amin((1, 2, 3))]
        return 10 * torch.stack(sizes + extremes, 1)

    def forward(self, x: Tensor) -> Tensor:
        apart = torch.cdist(self.seen(x), self.kept).square()
        return (torch.softmax(-2 * apart, 1) @ self.classes + 1e-6).log()


class HalfPrecision(_Honest):
    """Computes in bfloat16, as fast hardware does."""

    name = "bfloat16"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Short(classifier))


class _Short(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.inner(x).float()
