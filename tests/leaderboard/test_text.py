"""Text from suites and plug-ins must not become markup."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leaderboard.text import escape

HOSTILE = ["<script>alert(1)</script>", "a|b", "[x](javascript:1)", "![x](http://y)", "`code`", "a\n# heading", "*b*"]


def test_hostile_labels_are_disarmed() -> None:
    shown = [escape(text) for text in HOSTILE]
    assert "\\<script\\>" in shown[0]
    assert "\\|" in shown[1]
    assert "](" not in shown[2].replace("\\](", "")
    assert "](" not in shown[3].replace("\\](", "")
    assert "\\`" in shown[4]
    assert "\n" not in shown[5]
    assert "\\*" in shown[6]


@given(st.text(max_size=60))
def test_no_special_character_is_left_bare(text: str) -> None:
    shown = escape(text)
    bare = [c for i, c in enumerate(shown) if c in "<>|`*" and (i == 0 or shown[i - 1] != "\\")]
    assert not bare
    assert len(shown.splitlines()) <= 1


def test_ordinary_words_stay_readable() -> None:
    for text in ("in_threat_model on [0, 1] pixels", "rank 3: [see]", "1. first"):
        assert escape(text) == text


def test_markdown_breaks_no_line_within_a_number_and_its_interval() -> None:
    assert escape("a (84.4 % [73.6, 91.3]) at L∞ 8/255, 95 % of [0, 1]").split(" ") == [
        "a",
        "(84.4\xa0%\xa0[73.6,\xa091.3])",
        "at",
        "L∞\xa08/255,",
        "95\xa0%",
        "of",
        "[0,",
        "1]",
    ]
