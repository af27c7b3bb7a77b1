"""The tiny Chronos-2 that the tests of loading, weights and guards share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_chronos import save_tiny_chronos


@pytest.fixture(scope="session")
def tiny_chronos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a tiny Chronos-2. Read only: a test that breaks it copies it first."""
    return save_tiny_chronos(tmp_path_factory.mktemp("tiny-chronos"))
