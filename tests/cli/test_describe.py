"""`describe`."""

from __future__ import annotations

import pytest

from benchmark.core.plugin import KINDS, registered


def test_every_plugin_can_be_described(medrobust):
    for kind in KINDS:
        for name, plugin in registered(kind).items():
            answer = medrobust("describe", f"{kind}:{name}")
            assert answer.status == 0, answer.err
            assert answer.out.startswith(f"{kind} {name}\n")
            assert plugin.origin() in answer.out
            for p in plugin.parameters():
                # What the harness hands over is nothing that a reader can set.
                assert (f"{p.name}: {p.annotation}" in answer.out) is (p.name not in plugin.handed), (name, p.name)


def test_an_attack_states_its_threat_model(medrobust):
    threat = "white-box (weights and gradients), L1 or L2 or L∞ on [0, 1] pixels, budget by default: 50 steps"
    assert f"threat model: {threat}\n" in medrobust("describe", "pgd").out
    assert "black-box (class scores of queried images), L∞" in medrobust("describe", "square").out


def test_an_attack_says_what_its_settings_may_be_and_what_completes_a_row(medrobust):
    pgd = medrobust("describe", "pgd").out
    assert "steps: int = 50, from 1 to 1,000,000,000\n" in pgd
    assert "step_size: str | float | None = None, from 1e-12 to 1e+12\n" in pgd
    assert "completes a row: with 10 steps, 10 gradients, a way of 1.0 ε or more\n" in pgd
    assert "completes a row: never: one step" in medrobust("describe", "fgsm").out


def test_a_defense_says_what_a_fair_row_needs(medrobust):
    jpeg = medrobust("describe", "jpeg").out
    assert "gradient: by BPDA, since the defense has none, through identity, differentiable JPEG\n" in jpeg
    assert "gradient: exact" in medrobust("describe", "none").out
    assert "20 EOT samples" in medrobust("describe", "zo-ae-ds").out
    assert "EOT" not in medrobust("describe", "jpeg").out


def test_a_suite_shows_its_profiles(medrobust):
    answer = medrobust("describe", "chest-xray")
    for profile in ("quick", "standard", "large", "paper"):
        assert f"profile {profile}:" in answer.out
    assert "ε = " in answer.out


def test_a_name_of_several_kinds_must_say_which(medrobust, tmp_path):
    file = tmp_path / "same.py"
    file.write_text(
        "from defenses.base import DefendedModel, Defense\n"
        "class Same(Defense):\n    name = 'pgd'\n"
        "    def defend(self, classifier):\n        return DefendedModel(classifier)\n"
    )
    answer = medrobust("describe", "pgd", "--plugin", file)
    assert answer.status == 2
    assert "attack:pgd or defense:pgd" in answer.err
    assert medrobust("describe", "defense:pgd", "--plugin", file).out.startswith("defense pgd\n")


@pytest.mark.parametrize("name", ["defence:jpeg", "attack:jpeg", "jpeg:defense", "", ":", "suite:chest"])
def test_what_does_not_exist_is_refused(medrobust, name):
    answer = medrobust("describe", name)
    assert answer.status == 2
    assert f"nothing is named {name!r}" in answer.err
