"""A run folder read into a board."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.core.errors import UserError
from benchmark.records.store import Store
from leaderboard.detection import detection_rows
from leaderboard.reading import alone, evaluation_images
from leaderboard.reference import constant_answer
from leaderboard.robustness import robustness_rows
from leaderboard.schema import Board
from leaderboard.survival import survival_curves
from leaderboard.transfer import transfer_matrix


def read_board(run: Path) -> Board:
    """All tables of the run in folder `run`.

    Raises:
        UserError: There is no run, or another version of medrobust wrote it.
    """
    store = Store(run)
    manifest = store.manifest()
    try:
        return _board(manifest, store)
    except KeyError as error:
        raise UserError(
            f"its records lack {error}",
            where=str(run),
            remedy="another version of medrobust wrote it: run the command that made it again, into the same folder",
        ) from error


def _board(manifest: dict[str, Any], store: Store) -> Board:
    suite, data = manifest["suite"], manifest["data"]
    robustness = robustness_rows(manifest, store)
    images = evaluation_images(manifest, store)
    reference = None if images is None else constant_answer(images, data["classes"])
    samples = reference.n if reference else _transferred(manifest, store)
    title = f"{suite['title']} · {suite['profile']} profile · {data['title']}"
    return Board(
        title=title,
        protocol=_protocol(manifest, samples),
        notes=tuple(data["notes"]),
        phantom=data["phantom"],
        robustness=robustness,
        detection=detection_rows(manifest, store),
        reference=reference,
        transfer=transfer_matrix(manifest, store),
        survival=survival_curves(manifest, store),
    )


def _transferred(manifest: dict[str, Any], store: Store) -> int:
    """Number of evaluation images, as any finished entry of the transfer matrix saw them."""
    keys = (c["key"] for c in manifest["cells"] if c["table"] == "transfer" and c["status"] == "done")
    counts = (alone(lambda k=key: len(store.samples(k)), lambda _: 0) for key in keys)  # type: ignore[misc]
    return next((count for count in counts if count), 0)


def _protocol(manifest: dict[str, Any], samples: int) -> tuple[str, ...]:
    suite, data = manifest["suite"], manifest["data"]
    counts = data["counts"]
    grouped = "intervals count patients as clusters" if data["grouped"] else "no patient ids, images are independent"
    lines = [
        f"Suite {suite['name']}, profile {suite['profile']}, protocol {suite['protocol']}, seed {manifest['seed']}, "
        f"medrobust {manifest['medrobust']}; rows of other profiles, suites or data are not comparable.",
        f"Data: {data['title']}, fingerprint {data['fingerprint'][:16]}; {counts['train']} training, "
        f"{counts['validation']} validation and {samples} of {counts['evaluation']} evaluation images; {grouped}.",
        f"Classifier: {suite['classifier']['name']}; weights and operating threshold chosen on validation data.",
        "Robust accuracy is the share of images right on clean input and after the attack; the worst case is per "
        "image over all attacks of the row. Rows rank by its mean over the classes, balanced accuracy, which is 1/K "
        "for whoever answers the same to every image. Only images that are right on clean input are attacked. "
        "Intervals are 95 %.",
    ]
    if suite["robustness"]:
        table = suite["robustness"]
        lines.append(
            f"Robustness: {table['norm']}, ε = {table['epsilon']} on [0, 1] pixels unless a threat model differs. "
            "An attack on an image ends at its first verified success."
        )
    if suite["detection"]:
        table = suite["detection"]
        lines.append(
            f"Detection: {table['norm']}, ε = {table['epsilon']}, targeted at the likeliest wrong class; all steps are "
            "run and the last image is kept. Detectors learn from 45 % of the correctly classified images, thresholds "
            "come from the clean ones of another 25 %, scores are on the remaining 30 %; negatives are clean images "
            "and images with noise of the attack's L2 size."
        )
    if suite.get("transfer"):
        table = suite["transfer"]
        lines.append(
            f"Transfer: {table['norm']}, ε = {table['epsilon']}; every image that the target gets right is attacked "
            "without asking the target, and what was crafted after the last step is shown to it."
        )
    return tuple(lines)
