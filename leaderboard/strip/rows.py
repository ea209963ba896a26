"""Strips of images from what the attack steps kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmark.records.run_record import CellRecord
from leaderboard.reading import attack_samples, clean_samples
from leaderboard.results import Results
from leaderboard.robustness.rows import robustness_rows
from leaderboard.strip.schema import Answer, AttackStrip, ShownImage
from leaderboard.summary.table import strongest


def shown_cells(results: Results) -> tuple[tuple[CellRecord, CellRecord], ...]:
    """(clean, strongest attack) of each row of the robustness table that has both, in its order."""
    cells = {(c.defense, c.attack): c for c in results.run.of("robustness")}
    found = []
    for row in results.once(robustness_rows):
        attack = strongest(row)
        if attack is not None:
            found.append((cells[row.defense, "clean"], cells[row.defense, attack.attack]))
    return tuple(found)


def attack_strip(clean_cell: CellRecord, cell: CellRecord, results: Results) -> AttackStrip | None:
    """The images that the attack's step kept; None where it attacked none.

    Raises:
        ValueError: Another version wrote the step, or the records are not of one another.
        DamagedError: A step is not what was written.
    """
    clean = clean_samples(results, clean_cell.done_key)
    samples = attack_samples(results, cell.done_key, clean)
    if not samples["attacked"].any():
        return None
    arrays = results.store.arrays(cell.done_key, "adversarial", "row", "shown", "clean", "purified")
    if not arrays.keys() >= {"adversarial", "row", "shown", "clean"}:
        raise ValueError("the step kept no images to show: another version of medrobust wrote it")
    names, purified, images = results.run.data.classes, arrays.get("purified"), []
    for number, kept in enumerate(arrays["shown"].tolist()):
        row = int(arrays["row"][kept])
        images.append(
            ShownImage(
                clean=arrays["clean"][number].astype(np.float32) / 255,
                adversarial=arrays["adversarial"][kept],
                purified=None if purified is None else purified[number].astype(np.float32) / 255,
                before=_answer(clean.iloc[row], "clean_prediction", names),
                after=_answer(samples.iloc[row], "adversarial_prediction", names),
            )
        )
    return AttackStrip(cell.defense, cell.attack, cell.perturbation, tuple(images))


def _answer(record: pd.Series, prediction: str, names: Sequence[str]) -> Answer:
    said = int(record[prediction])
    return Answer(names[said], float(record["scores"][said]), said == int(record["label"]))
