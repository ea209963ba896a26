"""Records as the tables read them: what cannot be trusted is an error of its own place on the board and of no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from benchmark.core.errors import UserError
from leaderboard.results import Results

T = TypeVar("T")

_BOOLEANS = ("clean_right", "attacked", "robust", "verified", "stored_right")
_CLEAN = ("sample_id", "group", "label", "clean_prediction", "clean_right", "scores", "fresh_right")
_ATTACK = (
    "sample_id",
    "clean_right",
    "attacked",
    "robust",
    "verified",
    "adversarial_prediction",
    "scores",
    "fresh_right",
    "stored_right",
    "broken_at",
    "forwards",
    "backwards",
)


def alone(read: Callable[[], T], otherwise: Callable[[str], T]) -> T:
    """What `read` gives; where it raises, what `otherwise` makes of the reason. Lack of memory is no row's fault."""
    try:
        return read()
    except MemoryError:
        raise
    except Exception as error:
        return otherwise(_reason(error))


def evaluation_images(results: Results) -> pd.DataFrame | None:
    """Clean records of the images that most rows are about; None where no row can be read."""
    keys = [c.done_key for c in results.run.of("robustness") if c.attack == "clean" and c.status == "done"]
    read = [alone(lambda k=key: clean_samples(results, k), lambda _: None) for key in keys]  # type: ignore[misc]
    found = {tuple(samples["sample_id"]): samples for samples in reversed(read) if samples is not None}
    count = Counter(tuple(samples["sample_id"]) for samples in read if samples is not None)
    return found[count.most_common(1)[0][0]] if count else None


def clean_samples(results: Results, key: str, images: pd.DataFrame | None = None) -> pd.DataFrame:
    """A defense's clean records, of `images` if given; raises ValueError where no row can be made of them."""
    samples = checked(results.samples(key), _CLEAN)
    if not len(samples):
        raise ValueError("there is no image")
    if images is not None and samples["sample_id"].tolist() != images["sample_id"].tolist():
        raise ValueError("its images are not those of the other rows")
    return samples


def attack_samples(results: Results, key: str, clean: pd.DataFrame) -> pd.DataFrame:
    """An attack's records, of the images of `clean` in their order; raises ValueError where they are not."""
    samples = checked(results.samples(key), _ATTACK)
    if samples["sample_id"].tolist() != clean["sample_id"].tolist():
        raise ValueError("the records are of other images than the clean ones")
    return samples


def checked(samples: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The records, if they have these columns, no outcome but true and false, and no score that is not finite.

    Raises:
        ValueError: They do not.
    """
    lacking = [column for column in columns if column not in samples]
    if lacking:
        raise ValueError(f"the records lack {', '.join(lacking)}: another version of medrobust wrote them")
    for column in _BOOLEANS:
        # A missing outcome would be taken for a true one.
        if column in samples and samples[column].dtype != bool:
            raise ValueError(f"{column} holds something else than true and false")
    if "scores" in columns and len(samples) and not np.isfinite(np.stack(samples["scores"].tolist())).all():
        raise ValueError("a score is not finite")
    return samples


def _reason(error: Exception) -> str:
    if isinstance(error, UserError):
        said = f"{error.where}: {error.problem}" if error.where else error.problem
        return f"{said}; {error.remedy}" if error.remedy else said
    if isinstance(error, KeyError):
        return f"its records lack {error}: another version of medrobust wrote them"
    return f"cannot be read ({type(error).__name__}: {error})"
