"""The lines of the README's section about the API do as they stand what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.api.app import build_app
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from tests.docs.pages import ROOT, code_blocks
from tests.orchestration.api.serving import served
from tests.orchestration.api.shops import Shop


def lines() -> list[str]:
    """What a reader types, in the section about the API."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## API\n(.*?)^## ", readme, re.MULTILINE | re.DOTALL)
    assert section is not None
    return [
        line
        for block in code_blocks(section[1])
        for line in block.code.splitlines()
        if line.startswith("curl ")
    ]


@pytest.fixture(scope="module")
def address(settings: Settings, warehouse: Warehouse) -> Iterator[str]:
    """Of the API behind a real uvicorn."""
    with served(build_app(warehouse, settings)) as address:
        yield f"{address}/api/v1"


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_four_lines_work_as_they_stand(address: str, shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "my_sales.csv").write_text("date,item_id,units_sold\n2026-05-01,north-0,1\n")
    assert len(lines()) == 4
    for line in lines():
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env={**os.environ, "API": address, "KEY": shop.keys["all"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, line + done.stdout + done.stderr
        assert "request_id" in done.stdout or "data" in done.stdout or "status_url" in done.stdout
