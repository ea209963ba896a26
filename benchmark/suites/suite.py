"""What a run contains, read from TOML and checked before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Strict, ValidationError

from benchmark.core.allowed import Free, allowed_in_words, choices
from benchmark.core.errors import UserError, did_you_mean
from benchmark.core.settings import AtOnce, Count, Seed, Share, Whole, shortened
from benchmark.core.threat import Goal, Norm
from benchmark.suites.document import read_document

PROFILES = ("quick", "standard", "large", "paper")
_SUITES = Path(__file__).parent


# TOML tells 1 from true, and a text from a number.
_Count = Annotated[Count, Strict()]
_Whole = Annotated[Whole, Strict()]
_AtOnce = Annotated[AtOnce, Strict()]
_Flag = Annotated[bool, Strict()]
_Seed = Annotated[Seed, Strict()]
_Epsilon = (
    Annotated[str, Free('a fraction such as "8/255", above 0 and at most what every image allows')]
    | Annotated[float, Strict()]
)
_Name = Annotated[str, Free("the name of a plug-in, an objective or an estimator")]
_Target = Annotated[str, Free('"likeliest", "least-likely", "random" or a class by name')] | Annotated[Whole, Strict()]
_Values = tuple[Annotated[bool, Strict()] | Annotated[int, Strict()] | Annotated[float, Strict()] | str, ...]
_Glob = Annotated[str, Free("a label of a defense, or a glob")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _PluginTable(BaseModel):
    """A table whose keys beyond its own are the plug-in's settings."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


class DataTable(_PluginTable):
    """`[data]`: the dataset plug-in and its settings."""

    name: _Name


class ClassifierTable(_PluginTable):
    """`[classifier]`: the classifier plug-in and its settings."""

    name: _Name


class EvaluationTable(_Table):
    """`[evaluation]`: how many images and how many repetitions."""

    samples: _Count | Literal["all"] = "all"
    replicates: _AtOnce = 10


class DefenseTable(_PluginTable):
    """`[defense.LABEL]`: a defense, by default the one named LABEL.

    `claimed_accuracy` is its authors' clean accuracy; `probes` and `probe_eot_samples` replace those of the table,
    for a defense that is dear to ask. With `in_front_of` it protects the classifier that another of the suite's
    defenses has retrained.
    """

    method: _Name | None = None
    in_front_of: _Name | None = None
    enabled: _Flag = True
    claimed_accuracy: Annotated[Share, Strict()] | None = None
    probes: _Whole | None = None
    probe_eot_samples: _AtOnce | None = None


class DetectorTable(_PluginTable):
    """`[detector.LABEL]`: a detector, by default the one named LABEL."""

    method: _Name | None = None
    enabled: _Flag = True


class ObjectiveTable(_PluginTable):
    """`objective = { name = "hfc", weight = 1.0 }`."""

    name: _Name


class GradientTable(_PluginTable):
    """`gradient = { name = "zeroth-order", pairs = 64 }`."""

    name: _Name


class AttackTable(_PluginTable):
    """`[robustness.attack.LABEL]` or `[detection.attack.LABEL]`: an attack and how it is put together.

    With `on_grid` it asks about, and submits, only images that an 8-bit file can hold. `goal` and `target` replace
    those of the robustness table; a detection table has its own.
    """

    method: _Name | None = None
    enabled: _Flag = True
    norm: Norm | None = None
    epsilon: _Epsilon | None = None
    objective: _Name | ObjectiveTable | None = None
    gradient: _Name | GradientTable = "auto"
    eot_samples: _AtOnce | Literal["auto"] = "auto"
    defenses: tuple[_Glob, ...] = ("*",)
    on_grid: _Flag = False
    goal: Goal | None = None
    target: _Target | None = None
    trained_on: Annotated[str, Free("the label of another attack of the table")] | None = None


class RobustnessTable(_Table):
    """`[robustness]`: the robustness table of the leaderboard.

    `probes` images of each row are shown to the flags, whose own attacks on a randomized defense average over
    `probe_eot_samples` draws, as many as the row's by default; `diagnoses` images of a randomized or purifying defense
    to the zero-perturbation control, the known-draws diagnostic and the gradient check. With `goal = "targeted"` only
    the class `target` counts: the likeliest wrong one by default, or one for all images, whose own images are left out.
    """

    norm: Norm = Norm.LINF
    epsilon: _Epsilon = "8/255"
    goal: Goal = Goal.UNTARGETED
    target: _Target | None = None
    eot_samples: _AtOnce = 20
    probes: _Whole = 64
    probe_eot_samples: _AtOnce | None = None
    diagnoses: _Whole = 64
    attack: dict[str, AttackTable] = {}


class DetectionTable(_Table):
    """`[detection]`: the detection table of the leaderboard; `samples` where it uses more images than the other."""

    norm: Norm = Norm.LINF
    epsilon: _Epsilon
    samples: _Count | Literal["all"] | None = None
    defenses: tuple[_Glob, ...] = ("none",)
    attack: dict[str, AttackTable] = {}


class TransferClassifierTable(_PluginTable):
    """`[transfer.classifier.LABEL]`: a classifier of the matrix; `seed` is added to the suite's."""

    name: _Name
    seed: _Seed = 0


class TransferAttackTable(_PluginTable):
    """`[transfer.attack]`: settings of the attack `transfer`, by which every image of the matrix is crafted."""


class TransferTable(_Table):
    """`[transfer]`: which classifier's adversarial images fool which model; `defenses` are targets too."""

    norm: Norm = Norm.LINF
    epsilon: _Epsilon
    defenses: tuple[_Glob, ...] = ("*",)
    attack: TransferAttackTable = TransferAttackTable()
    classifier: dict[str, TransferClassifierTable] = {}


class SweepTable(_Table):
    """`[sweep.LABEL]`: one setting and the values that it takes in turn.

    `defense.LABEL.SETTING`, `attack.LABEL.SETTING` (of the robustness table), `detector.LABEL.SETTING`,
    `robustness.epsilon` or `robustness.eot_samples`. `attacks` and `defenses` narrow it to some of the suite's.
    """

    attacks: tuple[_Glob, ...] = ("*",)
    defenses: tuple[_Glob, ...] = ("*",)
    robustness: dict[str, _Values] = {}
    defense: dict[str, dict[str, _Values]] = {}
    attack: dict[str, dict[str, _Values]] = {}
    detector: dict[str, dict[str, _Values]] = {}


class StudyTable(_PluginTable):
    """`[study.LABEL]`: a study, by default the one named LABEL, of a few images that the model gets right.

    `norm` and `epsilon` are those of the robustness table where they are not set.
    """

    method: _Name | None = None
    enabled: _Flag = True
    samples: _Count = 16
    norm: Norm | None = None
    epsilon: _Epsilon | None = None
    defenses: tuple[_Glob, ...] = ("*",)


class Suite(_Table):
    """A suite with one profile applied.

    A file needs `[data]`, `[classifier]` and an attack; its name is then the file's, and its title the name.
    """

    name: Annotated[str, Free("a label, which names the run's folder")]
    title: Annotated[str, Free("one line")]
    protocol: _Count = 1
    profile: str = "quick"
    seed: _Seed = 0
    data: DataTable
    classifier: ClassifierTable
    evaluation: EvaluationTable = EvaluationTable()
    defense: dict[str, DefenseTable] = {"none": DefenseTable()}
    robustness: RobustnessTable | None = None
    detection: DetectionTable | None = None
    detector: dict[str, DetectorTable] = {}
    transfer: TransferTable | None = None
    sweep: dict[str, SweepTable] = {}
    study: dict[str, StudyTable] = {}


def suite_names() -> list[str]:
    """The suites that ship with medrobust."""
    return sorted(p.stem for p in _SUITES.glob("*.toml"))


def ships(path: Path) -> bool:
    """Whether the suite file `path` ships with medrobust, and is nobody's own."""
    return path.parent == _SUITES


def read_suite(reference: str, profile: str = "quick") -> tuple[Suite, Path]:
    """A suite by name or file with `profile` laid over it, and the file it came from.

    Raises:
        UserError: The file is missing or not TOML, a key is unknown, or a value has the wrong type.
    """
    own = reference.endswith(".toml") or Path(reference).is_file()
    if not own and reference not in suite_names():
        hint = did_you_mean(reference, suite_names())
        raise UserError(f"no suite {shortened(reference)}", where="--suite", remedy=f"{hint} or give a .toml file")
    path = Path(reference) if own else _SUITES / f"{reference}.toml"
    if not path.exists():
        raise UserError("no such file", where=shortened(reference), remedy="give a .toml file, or the name of a suite")
    document = read_document(path)
    overlays = document.pop("profile", {})
    if not isinstance(overlays, dict) or not all(isinstance(o, dict) for o in overlays.values()):
        raise UserError("profiles are tables", where=f"{path.name}: profile", remedy="write [profile.quick]")
    unknown = [name for name in overlays if name not in PROFILES]
    if unknown:
        raise UserError(
            f"unknown profile {unknown[0]!r}",
            where=f"{path.name}: profile",
            remedy=did_you_mean(unknown[0], list(PROFILES)),
        )
    # Without profiles a suite is quick: what it computes is no standard run for being called one.
    known = list(overlays) or ["quick"]
    if profile not in known:
        raise UserError(f"the suite has no profile {profile!r}", where=path.name, remedy=f"it has: {', '.join(known)}")
    merged = _overlay(document, overlays.get(profile, {}))
    merged.setdefault("name", path.stem)
    merged.setdefault("title", merged["name"])
    try:
        return Suite.model_validate({**merged, "profile": profile}), path
    except ValidationError as error:
        raise _explain(error, path) from error


def _overlay(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        # Another plug-in's settings would be refused, so a changed name replaces the whole table.
        replaced = both and value.get("name", merged[key].get("name")) != merged[key].get("name")
        merged[key] = _overlay(merged[key], value) if both and not replaced else value
    return merged


def _explain(error: ValidationError, path: Path) -> UserError:
    first = error.errors()[0]
    steps = [str(step) for step in first["loc"]]
    found: Any = Suite
    for depth, step in enumerate(steps):
        below = _below(found, step)
        if below is None and first["type"] == "extra_forbidden":
            known = [f for kind in choices(found) for f in getattr(kind, "model_fields", {}) if f != "profile"]
            where = f"{path.name}: {'.'.join(steps[: depth + 1])}"
            return UserError("unknown key", where=where, remedy=did_you_mean(step, known))
        if below is None:
            # What follows says which member of a union pydantic tried, not where in the file.
            steps = steps[:depth]
            break
        found = below
    where = f"{path.name}: {'.'.join(steps)}"
    if first["type"] == "missing":
        return UserError("missing key", where=where, remedy="set it")
    return UserError(f"it cannot be {shortened(first['input'])}", where=where, remedy=f"give {allowed_in_words(found)}")


def _below(hint: Any, step: str) -> Any:
    """The annotation of key `step` of what `hint` annotates; None where it has none of that name."""
    for kind in choices(hint):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if step in kind.model_fields:
                return get_type_hints(kind, include_extras=True)[step]
        elif get_origin(kind) is dict:
            return get_args(kind)[1]
    return None
