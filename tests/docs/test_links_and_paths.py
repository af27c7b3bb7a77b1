"""Links lead somewhere, and what the pages name in the repository is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, code_blocks, inline_code, links, name

each_page = pytest.mark.parametrize("page", PAGES, ids=name)

OF_THE_REPOSITORY = re.compile(r"(orchestration|dbt_project|forecasting_lib|tests|docs|\.ci)/[\w./-]*")
LANGUAGES = {"json", "sh", "sql", "", "python", "csv", "ini", "nginx"}


def broken_link(page: Path, target: str) -> str | None:
    """What is wrong with a link inside the repository; None where nothing is."""
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.is_relative_to(ROOT) or not file.exists():
        return f"{target}: there is no such file"
    if anchor and anchor not in anchors(file.read_text(encoding="utf-8")):
        return f"{target}: there is no such heading"
    return None


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    targets = links(page.read_text(encoding="utf-8"))
    assert [problem for target in targets if (problem := broken_link(page, target))] == []


def paths(text: str) -> list[str]:
    """What a page names of the repository."""
    return [code for code in inline_code(text) if OF_THE_REPOSITORY.fullmatch(code)]


@each_page
def test_paths_that_are_named_exist(page: Path) -> None:
    named = paths(page.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_pages_hold_links_and_paths() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert len(links(text)) >= 40
    assert len(paths(text)) >= 30


def test_the_map_names_every_package() -> None:
    shown = set(inline_code((ROOT / "README.md").read_text(encoding="utf-8")))
    packages = {f"{path.parent.name}/" for path in ROOT.glob("*/__init__.py")}
    assert packages <= shown
    assert "dbt_project/" in shown


def test_every_page_of_the_folder_is_linked_from_the_readme() -> None:
    targets = set(links((ROOT / "README.md").read_text(encoding="utf-8")))
    assert {f"docs/{page.name}" for page in PAGES if page.parent.name == "docs"} <= targets


@each_page
def test_code_blocks_say_their_language(page: Path) -> None:
    blocks = code_blocks(page.read_text(encoding="utf-8"))
    assert {block.language for block in blocks} <= LANGUAGES


def test_a_link_to_a_missing_heading_is_found() -> None:
    assert broken_link(ROOT / "README.md", "LICENSE") is None
    assert broken_link(ROOT / "README.md", "docs/no-such-page.md") is not None
    assert broken_link(ROOT / "README.md", "docs/operations.md#no-such-heading") is not None
