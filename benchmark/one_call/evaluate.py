"""`from benchmark import evaluate`: any network on any images in one call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from benchmark.core.devices import choose_device
from benchmark.core.discovery import load_plugins
from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.core.two_logits import TwoLogits
from benchmark.models.given import Given, held
from benchmark.models.training.reading import gives_probabilities
from benchmark.one_call.images import NAME, as_split, image_data
from benchmark.one_call.plan import Attacks, refuse_unlearned, suite_of
from benchmark.one_call.report import Report
from benchmark.planning.plan import Plan, Selection
from benchmark.planning.planner import make_plan
from benchmark.records.run_folder import check_writable
from benchmark.records.store import Store
from benchmark.run import PreparedRun, RunRequest, execute
from benchmark.run import batch_size as read_batch_size
from leaderboard.publish import publish

if TYPE_CHECKING:
    from benchmark.core.user_images import Images, Labels
    from benchmark.one_call.images import Pairs
    from defenses.base import Defense

_ASKED = 64
"""Images that the network is asked about before the run."""


def evaluate(
    model: nn.Module,
    images: Images | Pairs,
    labels: Labels | None = None,
    *,
    norm: str = "linf",
    epsilon: str | float = "8/255",
    attacks: Attacks = ("pgd", "cw-linf", "square"),
    defense: str | Defense | None = None,
    target: str | int | None = None,
    classes: Sequence[str] | None = None,
    validation: Pairs | None = None,
    train: Pairs | None = None,
    ids: Sequence[object] | None = None,
    groups: Sequence[object] | None = None,
    samples: int | None = None,
    replicates: int = 10,
    eot_samples: int = 20,
    probes: int = 64,
    seed: int = 0,
    device: str = "auto",
    batch_size: int | None = None,
    title: str = "One call",
    out: str | Path | None = None,
) -> Report:
    """How much of a network's accuracy survives: the plan, flags, required attacks and numbers of a suite's run.

    The network is never trained, and stays as it is. What is evaluated is a copy, taken when it is handed over and
    asked in eval mode. Verdicts come from fresh processes as in every run: each makes the network anew from that copy,
    in which classes of importable modules go by name and those of notebooks and programs with their code. A network
    that cannot be copied so, or whose copy answers otherwise to the last bit, is refused.

    Args:
        model: Images [B, C, H, W] in [0, 1] → logits [B, K], or one logit for two classes; normalisation inside.
        images: [N, C, H, W], uint8 or floats in [0, 1], which are rounded to 8 bits; or, without `labels`, a DataLoader
            or data set of pairs, or `LabeledImages`.
        labels: True classes [N].
        norm, epsilon: The allowed perturbation on pixels in [0, 1].
        attacks: Names, attacks such as `PGD(steps=20)`, or either by label.
        defense: What stands before the network: a name, or a defense such as `JPEG(quality=50)`.
        target: For a targeted evaluation "likeliest", "least-likely", "random" or a class by name or number.
        classes: Names in the order of the labels. For two classes the second is the disease.
        validation: Other images with labels, as a pair or as `images` may be. With them, two classes are decided at the
            threshold that is best there (Youden). Without, argmax decides, the flag that compares with such images is
            not run, and the row is incomplete.
        train: Likewise the training images, for defenses and attacks that learn.
        ids: Names of the images, by which subsets are drawn; their numbers where None.
        groups: The patient of each image; intervals then count patients.
        samples: Evaluate only so many of the images.
        replicates: Decisions on each final image of a randomized defense.
        eot_samples: Draws that a gradient is averaged over, for a randomized defense.
        probes: Images that flags and diagnoses may look at.
        seed: Of everything random.
        device: "auto", "cpu", "cuda", …
        batch_size: Images at a time; by what the device holds where None.
        title: For the tables.
        out: The run folder, whose finished steps are not computed again; a temporary one, which ends with the report,
            where None.

    Raises:
        UserError: Anything that makes the run impossible. An attack that fails in it makes the report's status "error".
    """
    load_plugins()
    evaluation = as_split(images, labels, name="evaluation", ids=ids, groups=groups)
    others = [
        None if split is None else as_split(split, None, name=name)
        for split, name in ((validation, "validation"), (train, "train"))
    ]
    network, few = TwoLogits(model), evaluation.images.floats(slice(0, _ASKED))
    count = _asked(network, few).shape[1]
    with held(model) as classifier:
        _check_copy(classifier, network, few)
        data = image_data(
            evaluation,
            *others,
            classes=_names(classes, count),
            notes=(_about(model, classifier), _decision(count, validated=others[0] is not None)),
        )
        suite = suite_of(
            classifier=classifier,
            data=NAME,
            title=title,
            norm=norm,
            epsilon=epsilon,
            attacks=attacks,
            defense=defense,
            target=target,
            samples=samples,
            replicates=replicates,
            eot_samples=eot_samples,
            probes=probes,
            seed=seed,
        )
        plan = make_plan(suite, Path("evaluate"), data, Selection())
        refuse_unlearned(plan, train=others[1] is not None)
        chosen = choose_device(device)
        size = read_batch_size("auto" if batch_size is None else str(batch_size), chosen, data)
        temporary = TemporaryDirectory(prefix="medrobust-evaluate-") if out is None else None
        folder = Path(out) if temporary is None else Path(temporary.name)  # type: ignore[arg-type]
        check_writable(folder)
        execute(PreparedRun(RunRequest("evaluate"), suite, data, plan, chosen, size, folder), publish)
        rows = _rows(plan, Store(folder), data.evaluation)
    return Report(folder, data.evaluation.floats(rows), temporary)


def _rows(plan: Plan, store: Store, images: LabeledImages) -> Tensor:
    """Which images were evaluated; all where that failed."""
    step = next(cell.step for cell in plan.cells if cell.attack == "clean")
    if step is None or not store.has(step.key):
        return torch.arange(len(images))
    number = {name: row for row, name in enumerate(images.ids)}
    return torch.tensor([number[name] for name in store.samples(step.key)["sample_id"]])


def _asked(network: TwoLogits, x: Tensor) -> Tensor:
    """The network's logits where it is; raises UserError where they are probabilities, or differ when asked again."""
    x = x.to(network.device or x.device)
    outputs = network.asked(x)
    where = type(network.network).__name__
    with frozen(network), torch.no_grad():
        raw = network.network(x)
    if gives_probabilities(raw):
        raise UserError(
            "the network gives probabilities, not logits", where=where, remedy="leave out its final softmax or sigmoid"
        )
    if not torch.equal(outputs, network.asked(x)):
        raise UserError(
            "the network answers the same images otherwise when it is asked again",
            where=where,
            remedy="what draws random numbers is a defense: write one, so that attacks can average over its draws",
        )
    return outputs


def _check_copy(classifier: Given, network: TwoLogits, x: Tensor) -> None:
    """Raise UserError where the network that other processes get is not this one, to the last bit."""
    device = network.device or x.device
    channels, height, width = x.shape[1:]
    copied = TwoLogits(classifier.build(channels=channels, classes=2, size=(height, width))).to(device)
    if not torch.equal(copied.asked(x.to(device)), network.asked(x.to(device))):
        raise UserError(
            "a copy of the network answers otherwise: it rests on something outside itself",
            where=type(network.network).__name__,
            remedy="keep what it needs in its attributes, parameters and buffers",
        )


def _names(classes: Sequence[str] | None, count: int) -> tuple[str, ...]:
    if classes is None:
        return tuple(f"class {number}" for number in range(count))
    names = tuple(str(name) for name in classes)
    if isinstance(classes, str) or len(names) != count or len(set(names)) < count:
        raise UserError(
            f"{classes!r} for a network of {count} classes",
            where="evaluate: classes",
            remedy=f"give {count} different names in the order of the labels",
        )
    return names


def _about(model: nn.Module, classifier: Given) -> str:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return (
        f"Classifier: {type(model).__module__}.{type(model).__qualname__}, {parameters:,} parameters, "
        f"copy {classifier.digest[:16]}, as the program handed it over; not trained here."
    )


def _decision(classes: int, *, validated: bool) -> str:
    if validated and classes == 2:
        return "Decision: at the threshold with the largest Youden index on the validation images."
    if validated:
        return "Decision: argmax of the logits."
    return "Decision: argmax of the logits, since there are no validation images."
