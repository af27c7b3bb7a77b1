"""The project's Markdown, as its tests read it: pages, headings, links, code.

Belongs here: parsing. Does not belong here: what a page must say (the tests beside this file).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
"""Every page a reader is sent to."""

_FENCE = re.compile(r"^```(?P<language>[^\n`]*)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_INLINE = re.compile(r"`([^`\n]+)`")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@dataclass(frozen=True)
class CodeBlock:
    """One fenced block: its language as written behind the fence, and its text."""

    language: str
    code: str


def name(page: Path) -> str:
    """The page's path from the project's root."""
    return page.relative_to(ROOT).as_posix()


def code_blocks(text: str) -> list[CodeBlock]:
    return [CodeBlock(match["language"].strip(), match["code"]) for match in _FENCE.finditer(text)]


def prose(text: str) -> str:
    """The text without its fenced blocks and comments."""
    return _COMMENT.sub("", _FENCE.sub("", text))


def inline_code(text: str) -> list[str]:
    return _INLINE.findall(prose(text))


def links(text: str) -> list[str]:
    return [match["target"] for match in _LINK.finditer(prose(text))]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, made as the usual hosts make them."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
