"""What the code cites of the page of methods is on that page."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT, anchors

CITATION = re.compile(r"docs/methods\.md#([\w-]+)")
METHODS = ROOT / "docs" / "methods.md"
CITING = [*ROOT.glob("forecasting_lib/**/*.py"), ROOT / "tests/forecasting_lib/inventory/oracle.csv"]


def test_every_section_that_the_code_cites_is_there() -> None:
    cited = {file: set(CITATION.findall(file.read_text(encoding="utf-8"))) for file in CITING}
    sections = anchors(METHODS.read_text(encoding="utf-8"))
    assert {file.name: names - sections for file, names in cited.items() if names - sections} == {}
    assert len(set().union(*cited.values())) > 10


def test_every_reference_is_cited() -> None:
    text, _, references = METHODS.read_text(encoding="utf-8").partition("## References")
    code = [file.read_text(encoding="utf-8") for file in CITING if file.suffix == ".py"]
    citing = " ".join(" ".join([text, *code]).split())
    listed = re.findall(
        r"^\* (\S+?), .*?\((\d{4})\)", " ".join(references.split()).replace("* ", "\n* "), re.MULTILINE
    )
    assert len(listed) > 10
    assert [
        work for work in listed if not re.search(rf"{work[0]}\b[^|;]{{0,50}}? \(?{work[1]}", citing)
    ] == []
