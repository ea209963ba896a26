"""`python -m benchmark describe`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from benchmark.cli import words

if TYPE_CHECKING:
    from attacks.base import Attack
    from benchmark.core.plugin import Parameter, Plugin
    from benchmark.evaluation.flags.base import FlagCheck
    from benchmark.studies.base import Study
    from defenses.base import Defense

Field = tuple[str, object]


def describe(
    name: Annotated[
        str,
        typer.Argument(
            help="A plug-in, a suite or a flag; KIND:NAME where kinds share a name.", autocompletion=words.described
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
    plugin: Annotated[list[str] | None, typer.Option(help="A plug-in file or module; may be repeated.")] = None,
) -> None:
    """Show a plug-in's traits, settings, source and threat model, what a suite contains, or what a flag means."""
    from benchmark.cli.console import print_fields, print_json
    from benchmark.cli.describe_suite import suite_fields
    from benchmark.core.discovery import load_plugins
    from benchmark.core.errors import UserError, did_you_mean
    from benchmark.core.plugin import KINDS, look_up, registered
    from benchmark.evaluation.flags.catalogue import CHECKS
    from benchmark.suites.suite import suite_names

    load_plugins(plugin or ())
    known = [(kind, entry) for kind in KINDS for entry in registered(kind)]
    known += [("suite", entry) for entry in suite_names()]
    known += [("flag", check.id) for check in CHECKS]
    found = [(kind, entry) for kind, entry in known if name in (entry, f"{kind}:{entry}")]
    if not found:
        names = [f"{kind}:{entry}" if ":" in name else entry for kind, entry in known]
        raise UserError(f"nothing is named {name!r}", where="describe", remedy=did_you_mean(name, names))
    if len(found) > 1:
        choices = " or ".join(f"{kind}:{entry}" for kind, entry in found)
        raise UserError(f"{name!r} is the name of several", where="describe", remedy=f"say {choices}")
    kind, entry = found[0]
    fields: Iterable[Field]
    if kind == "suite":
        fields = suite_fields(entry)
    elif kind == "flag":
        fields = _flag_fields(next(check for check in CHECKS if check.id == entry))
    else:
        fields = _plugin_fields(look_up(kind, entry))
    if as_json:
        print_json({"kind": kind, "name": entry, **_document(fields, look_up(kind, entry) if kind in KINDS else None)})
    else:
        print_fields(f"{kind} {entry}", fields)


def _document(fields: Iterable[Field], plugin: type[Plugin] | None) -> dict[str, Any]:
    """The fields by name; of a plug-in, what `list` has in parts is there as it has it."""
    from benchmark.cli.entry import entry, plain

    told = {name.replace(" ", "_"): plain(value) for name, value in fields}
    if plugin is None:
        return told
    in_parts = {"what_it_is", "source", "settings", "version", "defined_in", *plugin.traits()}
    words = {name: value for name, value in told.items() if name not in in_parts}
    return {**entry(plugin), "description": told["what_it_is"], **words}


def _plugin_fields(plugin: type[Plugin]) -> Iterable[Field]:
    yield "what it is", inspect.cleandoc(plugin.__doc__ or "") or "(it has no docstring)"
    yield "source", plugin.source or "(not stated)"
    if plugin.kind == "attack":
        attack = cast("type[Attack]", plugin)
        yield "threat model", _threat_model(attack)
        yield "completes a row", _least_effort(attack)
    if plugin.kind == "study":
        yield "how it is read", cast("type[Study]", plugin).reading or "(not stated)"
    if plugin.kind == "defense":
        yield "a fair row needs", _required(cast("type[Defense]", plugin))
    for name, value in plugin.traits().items():
        yield name, _shown(value)
    settings = [_setting(p) for p in plugin.parameters() if p.name not in plugin.handed]
    yield "settings", "\n".join(settings) or "none"
    yield "version", plugin.version
    yield "defined in", plugin.origin()


def _flag_fields(check: FlagCheck) -> Iterable[Field]:
    from benchmark.evaluation.flags.base import MeasuredCheck

    yield "what it measures", inspect.cleandoc(check.__doc__ or "")
    yield "not raised where", check.threshold
    yield "raised, it means", check.meaning
    yield "rests on", "a probe of the model" if isinstance(check, MeasuredCheck) else "the records of the row"
    yield "source", check.source


def _threat_model(attack: type[Attack]) -> str:
    norms = " or ".join(norm.symbol for norm in sorted(attack.norms))
    text = f"{attack.access.phrase}, {norms} on [0, 1] pixels"
    if any(p.required for p in attack.parameters()):
        return text
    return f"{text}, budget by default: {attack().budget()}"


def _least_effort(attack: type[Attack]) -> str:
    if attack.control:
        return f"never: {attack.control}"
    if any(p.required for p in attack.parameters()):
        return "as its settings say"
    return f"with {attack().least()} or more"


def _required(defense: type[Defense]) -> str:
    from benchmark.evaluation.completing import LOW_FREQUENCY
    from benchmark.evaluation.required import may_vote, required

    through = ", ".join(defense.surrogates)
    gradient = "exact" if defense.differentiable else f"by BPDA, since the defense has none, through {through}"
    # Only the traits are asked, which the class has as well as an instance.
    needs = required(cast("Defense", defense))
    needs += [f"{LOW_FREQUENCY}, where its draws decide by majority vote"] * may_vote(cast("Defense", defense))
    return "\n".join([*needs, f"gradient: {gradient}"])


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (set, frozenset)):
        return ", ".join(sorted(map(str, value)))
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value) or "(empty)"


def _setting(parameter: Parameter) -> str:
    text = f"{parameter.name}: {parameter.annotation}"
    text += " (required)" if parameter.required else f" = {parameter.default!r}"
    return f"{text}, {parameter.allowed}" if parameter.allowed else text
