"""The training loop: what standard and adversarial training share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.models.training.plateau import Plateau
from benchmark.models.training.ranking import macro_auroc
from benchmark.models.training.recipe import Recipe


class Batch(NamedTuple):
    """What one step of training is made on.

    Attributes:
        images: float32 [B, C, H, W] in [0, 1], augmented.
        labels: int64 [B].
        rows: int64 [B], their places among the training images; on the CPU.
        weights: [K], how much an image of each class counts.
        noise: A row for each image, other numbers in each epoch.
        progress: Share of the training that is done, in [0, 1).
    """

    images: Tensor
    labels: Tensor
    rows: Tensor
    weights: Tensor
    noise: Noise
    progress: float


Loss = Callable[[nn.Module, Batch], Tensor]
"""(model in training mode, batch) → what the step makes smaller, a scalar."""

Criterion = Callable[[nn.Module, LabeledImages], tuple[float, ...]]
"""(model, validation images) → how good this checkpoint is; compared entry by entry, larger is better."""

Stop = Callable[[list[tuple[float, ...]]], bool]
"""The criterion's value after each epoch so far → whether training ends here."""

EVALUATION_BATCH = 256


class Course(NamedTuple):
    """How a training went: the criterion's value at the epoch kept, which epoch that is from 1, and how many ran."""

    best: tuple[float, ...]
    kept: int
    epochs: int


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Within the block torch's own generators start from `seed` and kernels are deterministic; then all is put back."""
    cuda = device.type == "cuda"
    index = (device.index if device.index is not None else torch.cuda.current_device()) if cuda else 0
    with (
        torch.random.fork_rng(devices=[index] if cuda else []),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
    ):
        torch.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(index):
                torch.cuda.manual_seed(seed)
        yield


def predict(model: nn.Module, images: LabeledImages, *, device: torch.device) -> Tensor:
    """Logits [N, K] on the CPU, in eval mode and without gradients; raises UserError when any is not finite."""
    with frozen(model), torch.no_grad():
        logits = torch.cat([model(x).float().cpu() for x, _, _ in images.batches(EVALUATION_BATCH, device=device)])
    if not bool(logits.isfinite().all()):
        raise UserError(
            "the classifier gives logits that are not finite numbers",
            where=type(model).__name__,
            remedy="lower learning_rate, or check the weights",
        )
    return logits


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """N / (K · n_k) for each class: the loss then counts every class alike.

    Raises:
        UserError: A class has no sample, or a label is out of range.
    """
    if labels.numel() == 0 or int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise UserError(
            f"training labels are not in 0 … {classes - 1}", where="training images", remedy="check the labels"
        )
    counts = torch.bincount(labels, minlength=classes)
    if int(counts.min()) == 0:
        raise UserError(
            f"class {int(counts.argmin())} has no training image",
            where="training images",
            remedy="add images of that class, or leave the class out",
        )
    return (labels.numel() / (classes * counts.double())).float()


def ranking_then_loss(device: torch.device, weights: Tensor) -> Criterion:
    """Validation AUROC (macro, one against the rest; accuracy where it is undefined), ties by class-weighted loss."""

    def criterion(model: nn.Module, validation: LabeledImages) -> tuple[float, ...]:
        logits = predict(model, validation, device=device)
        quality = macro_auroc(logits, validation.labels)
        if quality is None:
            quality = (logits.argmax(1) == validation.labels).double().mean().item()
        return quality, -cross_entropy(logits, validation.labels, weight=weights).item()

    return criterion


def weighted_cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    """Cross-entropy in which every class counts alike: what a classifier is trained by."""
    return cross_entropy(model(batch.images), batch.labels, weight=batch.weights)


def optimize(
    model: nn.Module,
    train: LabeledImages,
    validation: LabeledImages,
    *,
    recipe: Recipe,
    classes: int,
    seed: int,
    device: torch.device,
    report: Callable[[float, str], None],
    loss: Loss = weighted_cross_entropy,
    criterion: Criterion | None = None,
    stop: Stop | None = None,
) -> Course:
    """Train `model` in place by class-weighted cross-entropy or another loss; leave it in eval mode at its best epoch.

    With the schedule "plateau" it ends by validation (see `Recipe.patience`), else after `recipe.epochs`. The same
    arguments on the same machine give the same weights bit for bit; torch's global random state is left as it was.
    Images stay bytes and become floats a batch at a time.

    Args:
        model: Images in [0, 1] → logits [B, K], on `device`.
        train, validation: Learned from; checkpoints compared on.
        recipe: Training settings.
        classes: K.
        seed: Of shuffling, augmentation, dropout and the noise given to `loss`.
        device: Where `model` is.
        report: Called after each batch and each epoch with the share done (of the most epochs) and the best validation
            figure so far.
        loss: What each step makes smaller, e.g. cross-entropy of adversarial examples that it makes of the batch.
        criterion: What the best epoch is best at; by default validation AUROC.
        stop: Whether to end before the last epoch.

    Raises:
        UserError: A class has no training image, there is no validation image, or training diverged.
    """
    weights = class_weights(train.labels, classes)
    if len(validation) == 0:
        raise UserError("there is no validation image", remedy="give the data set a validation split")
    judge = criterion if criterion is not None else ranking_then_loss(device, weights)
    weights = weights.to(device)
    optimizer = _optimizer(model, recipe)
    generator = torch.Generator().manual_seed(seed)
    # Rounded down: a batch of one image has no batch statistics.
    batches_per_epoch = max(1, len(train) // recipe.batch_size)
    values: list[tuple[float, ...]] = []
    best: tuple[float, ...] = ()
    best_epoch = 0
    kept: dict[str, Tensor] = {}
    plateau = Plateau(recipe, steps=batches_per_epoch)
    with seeded(seed, device):
        for epoch in range(recipe.epochs):
            model.train()
            total = torch.zeros((), device=device)
            for number, rows in enumerate(
                torch.randperm(len(train), generator=generator).tensor_split(batches_per_epoch)
            ):
                progress = (epoch + number / batches_per_epoch) / recipe.epochs
                for group in optimizer.param_groups:
                    group["lr"] = plateau.scale * recipe.learning_rate_at(progress)
                x = augment(train.pixels[rows], recipe, generator).to(device).to(torch.float32).div_(255)
                y = train.labels[rows].to(device)
                noise = Noise.of(seed, train.index[rows], device=device).stream("training").at(epoch)
                value = loss(model, Batch(x, y, rows, weights, noise, progress))
                optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(value)
                optimizer.step()
                total += value.detach()
                done = (epoch + (number + 1) / batches_per_epoch) / recipe.epochs
                report(done, _so_far(epoch, recipe.epochs, best))
            model.eval()
            if not all(bool(tensor.isfinite().all()) for tensor in (total, *model.state_dict().values())):
                raise UserError(
                    f"training diverged in epoch {epoch + 1}", where=type(model).__name__, remedy="lower learning_rate"
                )
            values.append(judge(model, validation))
            better = not kept or values[-1] > best
            if better:
                best, best_epoch = values[-1], epoch + 1
                kept = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
            report((epoch + 1) / recipe.epochs, _so_far(epoch, recipe.epochs, best))
            if plateau.stands_still(better=better):
                model.load_state_dict(kept)
            if plateau.over or (stop is not None and stop(values)):
                break
    model.load_state_dict(kept)
    return Course(best, best_epoch, epoch + 1)


def _so_far(epoch: int, epochs: int, best: tuple[float, ...]) -> str:
    return f"epoch {epoch + 1}/{epochs}" + (f", best validation {best[0]:.3f}" if best else "")


def augment(pixels: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Shift each image of [B, C, H, W] by its own few pixels, the border repeated, and mirror some if asked."""
    count, channels, height, width = pixels.shape
    rows, columns = torch.arange(height).expand(count, height), torch.arange(width).expand(count, width)
    if recipe.flip:
        mirrored = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, width - 1 - columns, columns)
    if recipe.shift:
        by = torch.randint(-recipe.shift, recipe.shift + 1, (2, count, 1), generator=generator)
        rows, columns = (rows + by[0]).clamp(0, height - 1), (columns + by[1]).clamp(0, width - 1)
    elif not recipe.flip:
        return pixels
    image = torch.arange(count)[:, None, None, None]
    channel = torch.arange(channels)[None, :, None, None]
    return pixels[image, channel, rows[:, None, :, None], columns[:, None, None, :]]


def _optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    parameters = [p for p in model.parameters() if p.requires_grad]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, lr=recipe.learning_rate, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay
        )
    return torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
