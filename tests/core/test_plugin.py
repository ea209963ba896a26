"""The registry: what it takes, what it refuses, and what it says about a plug-in."""

from __future__ import annotations

import importlib.util
import sys
from textwrap import dedent
from typing import Literal

import pytest

from attacks.base import Attack
from attacks.pgd import PGD
from attacks.searches.iterative import IterativeAttack
from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.plugin import Plugin, look_up, registered
from defenses.base import Defense
from defenses.jpeg import JPEG

pytestmark = pytest.mark.usefixtures("registry")


def define(**attributes):
    """Define a defense with these attributes."""
    body = {"name": "defined-here", "defend": lambda self, classifier: DefendedModel(classifier), **attributes}
    return type("Defined", (Defense,), {"__module__": __name__, "__qualname__": "Defined", **body})


@pytest.fixture
def run_file(tmp_path, monkeypatch):
    """Run Python text as a module in a file of its own, and give the module."""

    def run(stem, text):
        path = tmp_path / f"{stem}.py"
        path.write_text(dedent(text))
        spec = importlib.util.spec_from_file_location(stem, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, stem, module)
        spec.loader.exec_module(module)
        return module

    return run


def test_defining_a_subclass_with_a_name_registers_it():
    cls = define()
    assert look_up("defense", "defined-here") is cls
    assert "defined-here" in registered("defense")


def test_a_subclass_without_a_name_of_its_own_is_not_registered():
    class Harder(JPEG):
        pass

    assert registered("defense")["jpeg"] is JPEG
    assert Harder not in registered("defense").values()


@pytest.mark.parametrize("name", ["Bad", "two words", "under_score", "-dash", "dash-", "a--b", "naïve", "a\n", 5])
def test_bad_names_are_refused(name):
    with pytest.raises(UserError, match="lower-case words joined by hyphens"):
        define(name=name)


def test_positional_arguments_are_refused():
    def construct(self, strength=1):
        self.strength = strength

    with pytest.raises(UserError, match="'strength' of defense 'defined-here' is not keyword-only"):
        define(__init__=construct)


@pytest.mark.parametrize("construct", [lambda self, *values: None, lambda self, **values: None])
def test_nameless_arguments_are_refused(construct):
    with pytest.raises(UserError, match="'values' of defense 'defined-here' has no name of its own"):
        define(__init__=construct)


@pytest.mark.parametrize("argument", ["name", "version", "settings", "identity"])
def test_arguments_that_would_hide_what_a_plugin_has_are_refused(argument):
    scope = {}
    exec(f"def construct(self, *, {argument}=1): self.{argument} = {argument}", scope)
    with pytest.raises(UserError, match=f"'{argument}' .* would hide"):
        define(__init__=scope["construct"])


def test_a_method_that_is_missing_is_named_when_the_class_is_defined():
    with pytest.raises(UserError, match="attack 'half-done' has no method 'step'"):
        type("HalfDone", (IterativeAttack,), {"name": "half-done", "start": lambda self, victim, x, noise: None})
    with pytest.raises(UserError, match="attack 'empty' has no method 'run'"):
        type("Empty", (Attack,), {"name": "empty"})


def test_a_plugin_of_no_kind_is_refused():
    with pytest.raises(UserError, match="has kind ''"):
        type("Kindless", (Plugin,), {"name": "kindless"})


FILE = """
    from defenses.base import DefendedModel, Defense

    class Clash(Defense):
        name = "clash"
        def defend(self, classifier):
            return DefendedModel(classifier)
"""


def test_a_collision_names_both_files_and_lines(run_file, tmp_path):
    run_file("first", FILE)
    with pytest.raises(UserError) as caught:
        run_file("second", FILE)
    assert f"{tmp_path / 'first.py'}:4" in str(caught.value)
    assert f"{tmp_path / 'second.py'}:4" in str(caught.value)
    assert look_up("defense", "clash").__module__ == "first"


def test_running_a_file_again_is_no_collision(run_file):
    run_file("first", FILE)
    again = run_file("first", FILE)
    assert look_up("defense", "clash") is again.Clash


def test_kinds_have_names_of_their_own():
    class Same(Attack):
        name = "jpeg"

        def run(self, victim, x, noise, stop):
            return x

    assert look_up("attack", "jpeg") is Same
    assert look_up("defense", "jpeg") is JPEG


@pytest.mark.parametrize(("name", "remedy"), [("pdg", "'pgd'"), ("linf", "'cw-linf'"), ("zzzzzz", "known: ")])
def test_an_unknown_name_gets_suggestions(name, remedy):
    with pytest.raises(UserError) as caught:
        look_up("attack", name, where="my.toml: robustness")
    assert remedy in caught.value.remedy
    assert str(caught.value).startswith(f"my.toml: robustness: unknown attack '{name}'")


def test_unknown_and_missing_settings_are_refused():
    with pytest.raises(UserError, match="attack 'pgd' has no setting 'step'") as caught:
        PGD.from_settings({"step": 3}, where="my.toml")
    assert "'steps'" in caught.value.remedy

    def construct(self, *, needed, also):
        pass

    with pytest.raises(UserError, match="needs also"):
        define(__init__=construct).from_settings({"needed": 1}, where="my.toml")


def construct_typed(
    self,
    *,
    count: int = 1,
    rate: float = 1.0,
    text: str = "",
    maybe: float | None = None,
    either: str | float = 0.0,
    word: Literal["a", "b"] = "a",
    anything: list[int] = (),
):
    for name, value in list(locals().items()):
        if name != "self":
            setattr(self, name, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("count", "3"),
        ("count", 3.0),
        ("count", True),
        ("rate", "0.1"),
        ("rate", False),
        ("text", 3),
        ("maybe", "none"),
        ("either", True),
        ("word", "c"),
    ],
)
def test_a_value_of_another_type_is_refused(key, value):
    cls = define(__init__=construct_typed)
    with pytest.raises(UserError, match=f"{key} = .* of defense 'defined-here' is not"):
        cls.from_settings({key: value}, where="my.toml")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rate", 1),
        ("maybe", 0.5),
        ("maybe", None),
        ("either", "8/255"),
        ("word", "b"),
        ("anything", [1]),
        ("count", -3),
    ],
)
def test_a_value_of_the_right_type_is_taken_as_it_is(key, value):
    cls = define(__init__=construct_typed)
    assert cls.from_settings({key: value}, where="my.toml").settings()[key] is value


def test_parameters_read_alike_with_and_without_postponed_annotations(run_file):
    body = """
        from defenses.base import DefendedModel, Defense

        class Typed(Defense):
            name = "typed"
            def __init__(self, *, strength: int | None = 3, label: str):
                self.strength, self.label = strength, label
            def defend(self, classifier):
                return DefendedModel(classifier)
    """
    plain = run_file("typed", body).Typed.parameters()
    postponed = run_file("typed", "from __future__ import annotations\n" + dedent(body)).Typed.parameters()
    assert plain == postponed
    assert [(p.name, p.annotation, p.default, p.required) for p in plain] == [
        ("strength", "int | None", 3, False),
        ("label", "str", None, True),
    ]


def test_traits_are_what_the_kind_declares_as_the_class_sets_it():
    assert set(JPEG.traits()) == set(Defense.traits()) >= {"randomized", "differentiable", "purifier", "query_only"}
    assert {trait for trait, true in JPEG.traits().items() if true is True} == {"purifier"}
    assert not JPEG.traits()["differentiable"]
    assert Defense.traits()["differentiable"]
    assert "reach" not in PGD.traits()
    assert PGD.traits()["norms"] == PGD.norms


def test_the_summary_is_the_classes_own():
    assert define(__doc__="First line.\n\nMore.").summary() == "First line."
    assert define(__doc__=None).summary() == ""
