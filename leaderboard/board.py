"""A run folder read into a board."""

from __future__ import annotations

from pathlib import Path

from benchmark.records.run_record import RunRecord
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
    data = manifest.data
    robustness = robustness_rows(manifest, store)
    images = evaluation_images(manifest, store)
    reference = None if images is None else constant_answer(images, data.classes)
    samples = reference.n if reference else _transferred(manifest, store)
    title = f"{manifest.suite.title} · {manifest.suite.profile} profile · {data.title}"
    return Board(
        title=title,
        protocol=_protocol(manifest, samples),
        notes=data.notes,
        phantom=data.phantom,
        robustness=robustness,
        detection=detection_rows(manifest, store),
        reference=reference,
        transfer=transfer_matrix(manifest, store),
        survival=survival_curves(manifest, store),
    )


def _transferred(manifest: RunRecord, store: Store) -> int:
    """Number of evaluation images, as any finished entry of the transfer matrix saw them."""
    keys = (c.done_key for c in manifest.of("transfer") if c.status == "done")
    counts = (alone(lambda k=key: len(store.samples(k)), lambda _: 0) for key in keys)  # type: ignore[misc]
    return next((count for count in counts if count), 0)


def _protocol(manifest: RunRecord, samples: int) -> tuple[str, ...]:
    suite, data = manifest.suite, manifest.data
    grouped = "intervals count patients as clusters" if data.grouped else "no patient ids, images are independent"
    lines = [
        f"Suite {suite.name}, profile {suite.profile}, protocol {suite.protocol}, seed {manifest.seed}, "
        f"medrobust {manifest.medrobust}; rows of other profiles, suites or data are not comparable.",
        f"Data: {data.title}, fingerprint {data.fingerprint[:16]}; {data.counts.train} training, "
        f"{data.counts.validation} validation and {samples} of {data.counts.evaluation} evaluation images; {grouped}.",
        f"Classifier: {suite.classifier.name}; weights and operating threshold chosen on validation data.",
        "Robust accuracy is the share of images right on clean input and after the attack; the worst case is per "
        "image over all attacks of the row. Rows rank by its mean over the classes, balanced accuracy, which is 1/K "
        "for whoever answers the same to every image. Only images that are right on clean input are attacked. "
        "Intervals are 95 %.",
    ]
    if (robustness := suite.robustness) is not None:
        lines.append(
            f"Robustness: {robustness.norm}, ε = {robustness.epsilon} on [0, 1] pixels unless a threat model differs. "
            "An attack on an image ends at its first verified success."
        )
    if (detection := suite.detection) is not None:
        lines.append(
            f"Detection: {detection.norm}, ε = {detection.epsilon}, targeted at the likeliest wrong class; all steps "
            "are run and the last image is kept. Detectors learn from 45 % of the correctly classified images, "
            "thresholds come from the clean ones of another 25 %, scores are on the remaining 30 %; negatives are "
            "clean images and images with noise of the attack's L2 size."
        )
    if (transfer := suite.transfer) is not None:
        lines.append(
            f"Transfer: {transfer.norm}, ε = {transfer.epsilon}; every image that the target gets right is attacked "
            "without asking the target, and what was crafted after the last step is shown to it."
        )
    return tuple(lines)
