"""BibTeX of what sources say: nothing is invented, nothing is lost, and no text breaks an entry."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.core.discovery import load_plugins
from benchmark.core.plugin import registered
from leaderboard.pages.bibliography import to_bibtex


def fields(source: str) -> dict[str, str]:
    return dict(re.findall(r"^  (\w+) = \{(.*)\},$", to_bibtex({"attack x": source}), re.MULTILINE))


@pytest.mark.parametrize(
    ("source", "author", "year", "title"),
    [
        (
            "Carlini and Wagner 2017, Towards evaluating, section VI-A",
            "Carlini and Wagner",
            "2017",
            "Towards evaluating",
        ),
        ("Moosavi-Dezfooli et al. 2016, DeepFool, eq. 1", "Moosavi-Dezfooli and others", "2016", "DeepFool"),
        ("Rice, Wong & Kolter 2020, sec. 3.3", "Rice and Wong and Kolter", "2020", None),
        ("Zhang et al. 2022, 'How to? A perspective', ICLR", "Zhang and others", "2022", "How to? A perspective"),
        ("Ma et al., Characterizing subspaces, ICLR 2018, alg. 1", None, None, None),
        ("this project; as in Wagner 2017, Title", None, None, None),
    ],
)
def test_what_a_source_says(source: str, author: str | None, year: str | None, title: str | None) -> None:
    found = fields(source)
    assert found["note"] == source.replace("&", r"\&")
    assert (found.get("author"), found.get("year")) == (author, year)
    assert found.get("title") == (None if title is None else f"{{{title}}}")


def test_a_source_is_one_entry_and_what_is_no_publication_none() -> None:
    text = to_bibtex({"attack a": "X 2001, T", "objective b": "X 2001, T", "defense none": "the undefended model"})
    assert text.count("@") == 1
    assert "% attack a, objective b\n@misc{attack-a," in text
    assert "% defense none: the undefended model" in text


def test_no_title_of_the_projects_methods_holds_a_place_in_the_paper() -> None:
    load_plugins()
    methods = {f"{k} {n}": p.source for k in ("attack", "objective", "defense") for n, p in registered(k).items()}
    titles = re.findall(r"title = \{\{(.*)\}\}", to_bibtex(methods))
    assert len(titles) > 20
    assert not [title for title in titles if re.search(r"section|algorithm \d|eqs?\.|table \d", title)]


@given(st.text(max_size=80), st.text(max_size=30))
def test_any_text_leaves_braces_in_pairs_and_entries_on_lines_of_their_own(source: str, method: str) -> None:
    text = to_bibtex({method: f"{source} 2020"})
    assert text.count("{") == text.count("}") > 1
    assert not re.search(r"@(?!misc)", text.partition("  note")[0])
    assert len(re.findall(r"^@misc\{[A-Za-z0-9-]+,$", text, re.MULTILINE)) == 1
    assert len(text.splitlines()) == len(text.split("\n")) - 1
