"""Plugin base and registry: a subclass with a `name` is registered by being defined."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

from benchmark.core.allowed import range_in_words, type_in_words
from benchmark.core.errors import UserError, did_you_mean
from benchmark.core.keys import CODE
from benchmark.core.settings import check_setting, hints
from benchmark.core.source import code_digest

KINDS = ("attack", "objective", "gradient", "defense", "detector", "dataset", "classifier", "study")
"""The kinds of plug-in; each has one base class, in the package that holds its methods."""

SUBCLASS = "subclass Attack, Objective, GradientEstimator, Defense, Detector, Dataset, Classifier or Study"

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_registry: dict[str, dict[str, type[Plugin]]] = {kind: {} for kind in KINDS}


@dataclass(frozen=True)
class Parameter:
    """One constructor argument of a plug-in, as `describe` prints it; `allowed` is its range in words."""

    name: str
    annotation: str
    default: Any
    required: bool
    allowed: str = ""


class Plugin:
    """A named, configurable method. Defining a subclass that sets `name` registers it.

    A subclass states its traits as class attributes and its settings as keyword-only constructor
    arguments, which the constructor stores under the same names and does nothing else with. That is
    what lets the harness print, compare and hash a configuration without running the method.

    Class attributes:
        kind: One of `KINDS`; set by the base class of the kind, never by a method.
        name: Lower-case words joined by hyphens, unique within the kind.
        source: The paper, with the equation or algorithm that the code follows.
        version: Raised whenever a change may alter results; part of every cached result's identity.
        handed: Constructor arguments that the harness fills and no suite may set.
    """

    kind: ClassVar[str] = ""
    name: ClassVar[str] = ""
    source: ClassVar[str] = ""
    version: ClassVar[int] = 1
    handed: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__ and cls.name:
            _register(cls)

    @classmethod
    def parameters(cls) -> list[Parameter]:
        """The keyword-only constructor arguments, in order of definition."""
        return list(_parameters(cls.__init__))

    @classmethod
    def origin(cls) -> str:
        """`file:line` of the class, for messages."""
        try:
            return f"{inspect.getsourcefile(cls)}:{inspect.getsourcelines(cls)[1]}"
        except (OSError, TypeError):
            return cls.__module__

    @classmethod
    def summary(cls) -> str:
        """The first line of the class's own docstring."""
        return inspect.cleandoc(cls.__doc__ or "").split("\n", 1)[0]

    @classmethod
    def traits(cls) -> dict[str, Any]:
        """The class attributes that the base class of the kind declares, by name, as this class sets them."""
        base = next((c for c in cls.__mro__ if Plugin in c.__bases__), cls)
        own = {"kind", "name", "source", "version"}
        return {
            name: getattr(cls, name)
            for name in inspect.get_annotations(base)
            if name not in own and not name.startswith("_") and not name.endswith("_")
        }

    @classmethod
    def source_digest(cls) -> str:
        """Hash of the code that the method rests on; see `code_digest`."""
        return code_digest(cls)

    @classmethod
    def from_settings(cls, settings: dict[str, Any], *, where: str, **handed: Any) -> Self:
        """Build from a table of settings, and from what the harness hands to constructors that have a place for it.

        Raises:
            UserError: A key is unknown or missing, a value is of another type or outside the range that the
                constructor's annotation states, or settings do not go together.
        """
        known = {p.name: p for p in cls.parameters() if p.name not in cls.handed}
        for key in settings:
            if key not in known:
                raise UserError(
                    f"{cls.kind} {cls.name!r} has no setting {key!r}",
                    where=where,
                    remedy=did_you_mean(key, list(known)) if known else "remove it",
                )
        missing = [p.name for p in known.values() if p.required and p.name not in settings]
        if missing:
            raise UserError(f"{cls.kind} {cls.name!r} needs {', '.join(missing)}", where=where, remedy="set it")
        for key, value in settings.items():
            check_setting(cls.__init__, key, value, of=f"{cls.kind} {cls.name!r}", where=where)
        places = {p.name for p in cls.parameters()} & cls.handed
        built = cls(**settings, **{k: v for k, v in handed.items() if k in places})
        try:
            built.check_settings()
        except UserError as error:
            raise UserError(f"{cls.kind} {cls.name!r}: {error.problem}", where=where, remedy=error.remedy) from error
        return built

    def check_settings(self) -> None:
        """Raise UserError where settings, each within its range, do not go together; nothing by default."""

    def settings(self) -> dict[str, Any]:
        """The constructor arguments as stored."""
        return {p.name: getattr(self, p.name) for p in self.parameters()}

    def identity(self) -> dict[str, Any]:
        """What determines this plug-in's results besides its inputs; hashed into cached steps."""
        return {
            "plugin": f"{self.kind}:{self.name}",
            "version": self.version,
            CODE: self.source_digest(),
            "settings": {k: v.identity() if isinstance(v, Plugin) else v for k, v in self.settings().items()},
        }

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.settings().items())
        return f"{type(self).__name__}({arguments})"


@cache
def _parameters(constructor: Callable[..., Any]) -> tuple[Parameter, ...]:
    if constructor is object.__init__:
        return ()
    known = hints(constructor)
    return tuple(
        Parameter(
            name=p.name,
            annotation=type_in_words(known[p.name]) if p.name in known else _written(p.annotation),
            default=None if p.default is p.empty else p.default,
            required=p.default is p.empty,
            allowed=range_in_words(known.get(p.name)),
        )
        for p in list(inspect.signature(constructor).parameters.values())[1:]
    )


def is_name(text: object) -> bool:
    """Whether `text` can be the name of a plug-in."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def _written(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return "Any"
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _source_file(cls: type) -> str | None:
    try:
        file = inspect.getsourcefile(cls)
    except (OSError, TypeError):
        return None
    return None if file is None else str(Path(file).resolve())


def _register(cls: type[Plugin]) -> None:
    if cls.kind not in KINDS:
        raise UserError(
            f"plug-in class {cls.__name__} has kind {cls.kind!r}",
            where=cls.origin(),
            remedy=SUBCLASS,
        )
    if not is_name(cls.name):
        raise UserError(
            f"plug-in name {cls.name!r} is not lower-case words joined by hyphens",
            where=cls.origin(),
            remedy='write, for example, name = "my-method"',
        )
    _check_constructor(cls)
    abstract = {name for base in cls.__mro__ for name, value in vars(base).items() if _is_abstract(value)}
    for method in sorted(abstract):
        if _is_abstract(inspect.getattr_static(cls, method)):
            raise UserError(f"{cls.kind} {cls.name!r} has no method {method!r}", where=cls.origin(), remedy="define it")
    holder = _registry[cls.kind].get(cls.name)
    if holder is not None and (holder.__qualname__, _source_file(holder)) != (cls.__qualname__, _source_file(cls)):
        raise UserError(
            f"two {cls.kind} plug-ins are named {cls.name!r}: {holder.origin()} and {cls.origin()}",
            remedy="rename one of them",
        )
    _registry[cls.kind][cls.name] = cls


def _is_abstract(value: object) -> bool:
    return getattr(value, "__isabstractmethod__", False) is True


def _check_constructor(cls: type[Plugin]) -> None:
    if cls.__init__ is object.__init__:
        return
    for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]:
        of_plugin = f"constructor argument {parameter.name!r} of {cls.kind} {cls.name!r}"
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise UserError(f"{of_plugin} has no name of its own", where=cls.origin(), remedy="name every setting")
        if parameter.kind is not parameter.KEYWORD_ONLY:
            raise UserError(f"{of_plugin} is not keyword-only", where=cls.origin(), remedy="put a bare * before it")
        if hasattr(Plugin, parameter.name):
            raise UserError(f"{of_plugin} would hide the plug-in's own", where=cls.origin(), remedy="rename it")


def registered(kind: str) -> dict[str, type[Plugin]]:
    """The plug-ins of `kind` defined so far, by name in alphabetical order."""
    return dict(sorted(_registry[kind].items()))


def look_up(kind: str, name: str, *, where: str = "") -> type[Plugin]:
    """The plug-in class; raises UserError with the closest names when there is none."""
    known = _registry[kind]
    if name not in known:
        raise UserError(f"unknown {kind} {name!r}", where=where, remedy=did_you_mean(name, list(known)))
    return known[name]
