"""Methods as BibTeX, of what their sources say and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping

from benchmark.core.harmless import line

_PUBLISHED = re.compile(r"\b(?:19|20)\d\d[a-z]?\b")
_NAME = r"(?:(?:[A-Z]\w*[ -])*[A-Z]\w+)"
_AUTHORS = rf"{_NAME}(?:, {_NAME})*(?:,? (?:and|&) {_NAME}| et al\.)?"
_LEADING = re.compile(rf"(?P<authors>{_AUTHORS}) (?P<year>(?:19|20)\d\d)[a-z]?(?:, (?P<rest>.*))?")
_PLACE = re.compile(r"(?:^|, )(?:sections?|sec\.|algorithms?|alg\.|eqs?\.|tables?|objective|conditions?|f\d)(?: |$)")
_QUOTED = re.compile(r"'(?P<title>[^']+)'")
_SPECIAL = re.compile(r"[&%#_$]")
_UNPAIRED = str.maketrans({"{": "(", "}": ")", "\\": "/", "~": " ", "^": " "})


def to_bibtex(methods: Mapping[str, str]) -> str:
    """An entry for each source that names a publication, and a comment for each method whose source does not.

    An entry has the source as it stands in its `note`. Author, year and title are beside it where the source begins
    with authors and a year; no publisher, venue or further author is added.

    Args:
        methods: Source by method, e.g. "attack pgd"; the first method of a source names its entry.
    """
    of: dict[str, list[str]] = {}
    for method, source in methods.items():
        of.setdefault(" ".join(line(source).split()), []).append(line(method))
    parts = []
    for source, users in of.items():
        comment = _outside(f"% {', '.join(users)}")
        if not _PUBLISHED.search(source):
            parts.append(f"{comment}: {_outside(source) or 'no source is stated'}")
            continue
        fields = {**_parsed(source), "note": source}
        body = "".join(f"  {name} = {{{_literal(value, name)}}},\n" for name, value in fields.items())
        parts.append(f"{comment}\n@misc{{{_key(users[0])},\n{body}}}")
    return "\n\n".join(parts) + "\n"


def _parsed(source: str) -> dict[str, str]:
    found = _LEADING.match(source.split("; ")[0])
    if found is None:
        return {}
    names = re.split(r", | and | & |,? et al\.", found["authors"])
    authors = [name for name in names if name]
    if "et al." in found["authors"]:
        authors.append("others")
    parsed = {"author": " and ".join(authors), "year": found["year"]}
    title = _title(found["rest"] or "")
    return {**parsed, "title": title} if title else parsed


def _title(rest: str) -> str:
    quoted = _QUOTED.match(rest)
    if quoted is not None:
        return quoted["title"]
    place = _PLACE.search(rest)
    return rest if place is None else rest[: place.start()]


def _outside(text: str) -> str:
    """Text between entries, where BibTeX knows no comment and an at sign begins an entry."""
    return text.translate(_UNPAIRED).replace("@", "(at)")


def _literal(text: str, name: str) -> str:
    safe = _SPECIAL.sub(r"\\\g<0>", text.translate(_UNPAIRED))
    # Further braces keep the capitals of a title.
    return f"{{{safe}}}" if name == "title" else safe


def _key(method: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", method).strip("-") or "method"
