"""From the user's choice of data to the images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from benchmark.core.images import ImageData
from benchmark.core.plugin import look_up
from benchmark.datasets.base import DataMissingError, Dataset
from benchmark.datasets.chest_phantom import ChestPhantom
from benchmark.datasets.loading.contract import load_checked

AUTO = "auto"


def resolve_data(
    choice: str,
    *,
    dataset: str,
    settings: dict[str, Any],
    root: Path | None,
    fallback_phantom: bool,
    where: str,
    download: bool = True,
) -> ImageData:
    """Load the data that the user chose.

    Args:
        choice: "auto" for the suite's data set, or the name of one.
        dataset: The suite's data set.
        settings: The suite's settings for it. A data set that was chosen instead gets their `size`, if it has one.
        root: The data root; None for the one in force.
        fallback_phantom: Whether "auto" may fall back to the drawn chest phantom when there are no data. Data that are
            there but broken never fall back, nor does a data set chosen by name, nor one that the user gave a path.
        where: The suite file, for errors.
        download: Whether a missing file may be fetched.

    Raises:
        UserError: Unknown name or setting, or no usable data.
    """
    name = dataset if choice == AUTO else choice
    plugin = cast(type[Dataset], look_up("dataset", name, where=where if choice == AUTO else "--data"))
    if name != dataset:
        accepted = {parameter.name for parameter in plugin.parameters()}
        settings = {key: value for key, value in settings.items() if key == "size" and key in accepted}
    try:
        return load_checked(plugin.from_settings(settings, where=where), root=root, download=download)
    except DataMissingError as missing:
        if choice != AUTO or not fallback_phantom or "path" in settings:
            raise
        return _phantom(name, settings.get("size", 28), missing)


def _phantom(name: str, size: int, missing: DataMissingError) -> ImageData:
    data = ChestPhantom(size=size).load(root=None)
    note = (
        f"NO REAL DATA: drawn phantom images stand in for {name}, so no number here says anything about patients "
        f"({missing.where}: {missing.problem}; to use real data, {missing.remedy})"
    )
    return replace(data, notes=(note, *data.notes))
