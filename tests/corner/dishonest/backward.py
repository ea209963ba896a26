"""Defenses that decide like the classifier alone and lie about its gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from defenses.base import DefendedModel
from tests.corner.control import Control, Stripes, Wrapped

Lie = Callable[[Tensor, Tensor], Tensor]


class _Backward(torch.autograd.Function):
    """The identity, whose gradient is `lie(gradient, x)`."""

    @staticmethod
    def forward(ctx, x: Tensor, lie: Lie) -> Tensor:
        ctx.lie = lie
        ctx.save_for_backward(x)
        return x.clone()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return ctx.lie(gradient, x), None


class _Lying(Wrapped):
    def __init__(self, classifier: nn.Module, lie: Lie) -> None:
        super().__init__(classifier)
        self.lie = lie

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(_Backward.apply(x, self.lie))


class _Liar(Control):
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Lying(classifier, self.lie))

    @staticmethod
    def lie(gradient: Tensor, x: Tensor) -> Tensor:
        raise NotImplementedError


class FlipsSign(_Liar):
    """The gradient with the other sign."""

    name = "flips-sign"

    @staticmethod
    def lie(gradient: Tensor, x: Tensor) -> Tensor:
        return -gradient


class FlipsSignAsPurifier(Control):
    """The same, as a purifier that gives the image back."""

    name = "flips-sign-as-purifier"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: _Backward.apply(x, FlipsSign.lie))


class FlipsSomeSigns(_Liar):
    """The other sign in half of the pixels."""

    name = "flips-some-signs"

    @staticmethod
    def lie(gradient: Tensor, x: Tensor) -> Tensor:
        signs = torch.rand(x.shape[1:], generator=torch.Generator().manual_seed(1)) < 0.5
        return torch.where(signs, gradient, -gradient)


class RandomGradient(_Liar):
    """Random numbers of the gradient's size, the same for an image each time."""

    name = "random-gradient"

    @staticmethod
    def lie(gradient: Tensor, x: Tensor) -> Tensor:
        made = torch.stack([torch.randn(i.shape, generator=torch.Generator().manual_seed(_number(i))) for i in x])
        return made * gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1) / x[0].numel() ** 0.5


class ShuffledGradient(_Liar):
    """The gradient with its pixels in another order."""

    name = "shuffled-gradient"

    @staticmethod
    def lie(gradient: Tensor, x: Tensor) -> Tensor:
        order = torch.randperm(x[0].numel(), generator=torch.Generator().manual_seed(1))
        return gradient.flatten(1)[:, order].view_as(gradient)


class TurnedGradient(_Liar):
    """The gradient of the image turned by a quarter."""

    name = "turned-gradient"

    @staticmethod
    def lie(gradient: Tensor, x: Tensor) -> Tensor:
        return gradient.transpose(2, 3)


class HalfGradient(_Liar):
    """The gradient where it is least: nothing of it in the half of the pixels that count most."""

    name = "half-gradient"

    @staticmethod
    def lie(gradient: Tensor, x: Tensor) -> Tensor:
        size = gradient.abs().flatten(1)
        return torch.where(size > size.median(1, keepdim=True).values, 0, gradient.flatten(1)).view_as(gradient)


class CoarseGradient(_Liar):
    """The gradient projected to squares of 4×4 pixels, where stripes have none."""

    name = "coarse-gradient"

    @staticmethod
    def lie(gradient: Tensor, x: Tensor) -> Tensor:
        return nn.functional.interpolate(nn.functional.avg_pool2d(gradient, 4), x.shape[2:])


class SumOnly(_Liar):
    """The gradient's mean over all pixels: only the brightness seems to count."""

    name = "brightness-only"

    @staticmethod
    def lie(gradient: Tensor, x: Tensor) -> Tensor:
        return gradient.mean((1, 2, 3), keepdim=True).expand_as(gradient)


class NoGradient(_Liar):
    """Almost no gradient: what remains is rounding."""

    name = "underflow"

    @staticmethod
    def lie(gradient: Tensor, x: Tensor) -> Tensor:
        return (gradient * 1e-7).half().float()


class GradientOfAnother(Control):
    """The scores of the classifier with the gradient of another network."""

    name = "gradient-of-another"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Borrowing(classifier))


class _Borrowing(Wrapped):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__(classifier)
        self.other = Stripes()

    def forward(self, x: Tensor) -> Tensor:
        own, borrowed = self.inner(x).detach(), self.other(x.transpose(2, 3))
        return own + borrowed - borrowed.detach()


class OffTheGridOnly(_Liar):
    """The true gradient at images of 8 bits, as all clean ones are, and the other sign at all others."""

    name = "lies-off-the-grid"

    @staticmethod
    def lie(gradient: Tensor, x: Tensor) -> Tensor:
        off = ((x * 255).round() - x * 255).abs().amax((1, 2, 3), keepdim=True) > 1e-3
        return torch.where(off, gradient.transpose(2, 3), gradient)


class NearTheBoundaryOnly(Control):
    """The true gradient where the classifier is sure, and one turned by a quarter where it is not."""

    name = "lies-near-the-boundary"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def lie(gradient: Tensor, x: Tensor) -> Tensor:
            with torch.no_grad():
                logits = classifier(x)
            unsure = (logits[:, 0] - logits[:, 1]).abs() < 2
            return torch.where(unsure[:, None, None, None], gradient.transpose(2, 3), gradient)

        return DefendedModel(_Lying(classifier, lie))


class SomeImagesOnly(_Liar):
    """Another gradient for every other image, chosen by its content."""

    name = "lies-about-some-images"

    @staticmethod
    def lie(gradient: Tensor, x: Tensor) -> Tensor:
        chosen = nn.functional.avg_pool2d(x, 8).flatten(1)
        return torch.where((chosen[:, 0] > chosen[:, 3])[:, None, None, None], gradient.transpose(2, 3), gradient)


class SaysExact(Control):
    """Not differentiable as it runs, it says, and offers an exact gradient, which is another's."""

    name = "exact-gradient-of-another"
    purifier = True
    differentiable = False
    gradient_at_inference = True
    exact_gradient = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(
            classifier,
            purify=lambda x, noise: x.detach().clone(),
            exact_purify=lambda x, noise: _Backward.apply(x, TurnedGradient.lie),
        )


def _number(image: Tensor) -> int:
    return int(nn.functional.avg_pool2d(image, 8).mul(1000).sum())
