"""A text from outside is shown as it is: it styles nothing, breaks no line and ends nobody's command."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from orchestration.foreign_text import code_span, escape, markdown, printable

SIGNS = st.text(st.sampled_from("[]/\\abc :#@=(){}*`|<>$%&!_-~'\"\n\u202e\x1b\ud800é🙂"), max_size=12)


def shown(markup: str) -> str:
    console = Console(file=io.StringIO(), width=10_000, highlight=False, emoji=False)
    console.print(markup, soft_wrap=True, end="")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@given(SIGNS, SIGNS)
def test_texts_on_a_terminal_are_shown_as_they_are_whatever_stands_beside_them(one: str, other: str) -> None:
    expected = f"{printable(one, keep=chr(10))}, {printable(other, keep=chr(10))}: all"
    assert shown(f"[bold]{escape(one)}[/], {escape(other)}: [dim]all[/]") == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb\x1b[31m", "a\\nb\\x1b[31m"),
        ("txt.\u202evsc", "txt.\\u202evsc"),
        ("a\u2028b\udcff", "a\\u2028b\\udcff"),
        ("شاي 🙂 é\u200f", "شاي 🙂 é\u200f"),
    ],
)
def test_a_line_stays_one_line_in_one_direction(text: str, line: str) -> None:
    assert printable(text) == line


def test_markdown_gets_no_markup() -> None:
    text = markdown("<script>|`**a**`[x](http://a.b) & www.a.b")
    assert text == ("\\<script\\>\\|\\`\\*\\*a\\*\\*\\`\\[x\\]\\(http\\:\\/\\/a\\.b\\) \\& www\\.a\\.b")


@given(SIGNS)
def test_a_code_span_is_not_ended_by_its_text(text: str) -> None:
    span = code_span(text)
    fence = span[: len(span) - len(span.lstrip("`"))]
    inside = span[len(fence) : -len(fence)] if text.strip("`") else ""
    assert fence not in inside
    assert "\n" not in span
